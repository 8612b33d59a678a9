// 128-bit identifiers, each kind its own type so that one cannot be passed for another.
#ifndef HOLDFAST_BASE_ID_H_
#define HOLDFAST_BASE_ID_H_

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast {

// An id is either random or a keyed hash of content: in both cases its bytes are uniformly
// distributed for anybody without the key, so a prefix of it serves as a hash value.
template <typename Tag>
struct Id {
  static constexpr std::size_t kSize = 16;
  std::array<std::byte, kSize> bytes{};

  auto operator<=>(const Id&) const = default;
  ByteView view() const { return bytes; }
  std::string hex() const { return to_hex(bytes); }
  // Eight hexadecimal digits, for people.
  std::string short_hex() const { return hex().substr(0, 8); }

  static Id from_bytes(ByteView source) {
    Id id;
    std::copy_n(source.begin(), kSize, id.bytes.begin());
    return id;
  }
  // Empty unless `hex` is exactly 32 hexadecimal digits.
  static std::optional<Id> from_hex(std::string_view hex) {
    Id id;
    if (!holdfast::from_hex(hex, id.bytes)) return std::nullopt;
    return id;
  }
};

using BlobId = Id<struct BlobTag>;
using PackId = Id<struct PackTag>;
using SnapshotId = Id<struct SnapshotTag>;
using RepositoryId = Id<struct RepositoryTag>;
using ObjectId = Id<struct ObjectTag>;  // index, key, intent and log objects

}  // namespace holdfast

template <typename Tag>
struct std::hash<holdfast::Id<Tag>> {
  std::size_t operator()(const holdfast::Id<Tag>& id) const noexcept {
    return holdfast::load<std::size_t>(id.bytes.data());
  }
};

#endif  // HOLDFAST_BASE_ID_H_
