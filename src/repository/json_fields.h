// Reading JSON that nobody has vouched for: whatever is wrong with it becomes a holdfast::Error
// that names the object and the key, never an exception of the JSON library.
#ifndef HOLDFAST_REPOSITORY_JSON_FIELDS_H_
#define HOLDFAST_REPOSITORY_JSON_FIELDS_H_

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"

namespace holdfast::repository {

// What an error about this JSON is called, and what it is about ("config", "keys/3f…"). The name
// must outlive it.
struct JsonOrigin {
  ErrorCode code;
  std::string_view name;

  Error error(std::string_view problem) const;
};

// Counts are written as JSON numbers that any reader takes for a signed integer.
inline constexpr std::uint64_t kMostCount = std::numeric_limits<std::int64_t>::max();

// The one JSON value that `text` is. Longer texts than `most_bytes` are refused unread.
nlohmann::json parse_json(ByteView text, std::size_t most_bytes, JsonOrigin origin);
// Compact; invalid UTF-8 becomes U+FFFD.
std::string dump_json(const nlohmann::json& value);

// The members of one JSON object, which must outlive this. Each of these throws unless the member
// is there with the right type and within its bounds. Unknown members are ignored.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& value, JsonOrigin origin);

  bool has(const char* key) const;
  std::string text(const char* key, std::size_t most_bytes) const;
  std::uint64_t number(const char* key, std::uint64_t most) const;
  double real(const char* key) const;  // finite and not negative
  bool flag(const char* key) const;
  Time time(const char* key) const;
  const nlohmann::json& array(const char* key) const;
  JsonFields object(const char* key) const;
  template <typename IdType>
  IdType id(const char* key) const {
    const std::optional<IdType> id = IdType::from_hex(text(key, IdType::kSize * 2));
    if (!id) throw wrong(key, "32 hexadecimal digits");
    return *id;
  }
  Error wrong(const char* key, std::string_view expected) const;

 private:
  const nlohmann::json& member(const char* key) const;

  const nlohmann::json* value_;
  JsonOrigin origin_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_JSON_FIELDS_H_
