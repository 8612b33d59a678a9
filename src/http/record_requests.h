// What a request asks of a collection: its headers, parameters and body as writes and lists.
// docs/http.md is the reference.
#ifndef HOLDFAST_HTTP_RECORD_REQUESTS_H_
#define HOLDFAST_HTTP_RECORD_REQUESTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/records/record_database.h"
#include "http/request.h"

namespace holdfast::http {

inline constexpr std::uint64_t kMostListed = 10'000;  // records on a page

// Tags of "If-Match" and "If-None-Match", without quotes.
struct EntityTags {
  bool any = false;  // "*"
  std::vector<std::string> strong, weak;
};
// Throws kRequestInvalid.
EntityTags parse_entity_tags(std::string_view text);
std::string quoted_tag(std::string_view tag);
// Whether "If-None-Match" says that the client has this version already.
bool has_already(const Request& request, std::string_view tag);

// Throws kRequestInvalid. `size_unless_said` is at most that of a page, or 0: all.
engine::ListRequest list_request(const Request& request, std::uint64_t size_unless_said);

// Whether the body is an object a line, by its Content-Type.
bool holds_lines(const Request& request);

// The writes that a body with records asks for, in order; for a line or element that is no record,
// why it is none.
struct AskedWrites {
  std::vector<std::variant<engine::Write, Error>> items;
  bool single = false;  // one record, not a list of one
};
// Throws kRequestInvalid, kRecordInvalid for a body that is nothing of the kind.
AskedWrites asked_puts(const Request& request, const std::string& collection);
// PUT, DELETE and undelete of the record that the path names.
engine::Write asked_write(const Request& request, engine::WriteKind kind,
                          const std::string& collection, const std::string& record_id);

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_RECORD_REQUESTS_H_
