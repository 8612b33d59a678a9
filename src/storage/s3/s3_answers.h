// What S3's answers say. Everything here reads what a stranger may have written.
#ifndef HOLDFAST_STORAGE_S3_S3_ANSWERS_H_
#define HOLDFAST_STORAGE_S3_S3_ANSWERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace holdfast::storage {

struct S3ErrorBody {
  std::string code;  // "NoSuchKey"
  std::string message;
  std::string region;  // of AuthorizationHeaderMalformed and PermanentRedirect
};
// Empty for what is no <Error>.
std::optional<S3ErrorBody> parse_error_body(std::string_view xml);

struct ListedObject {
  std::string key;
  std::uint64_t size = 0;
  Time modified{};  // to the second, as a HEAD tells it
};
struct ListPage {
  std::vector<ListedObject> objects;
  std::string next;  // the token of the next page; empty: that was the last one
};
// ListObjectsV2, asked for with encoding-type=url. Empty for what no S3 server answers.
std::optional<ListPage> parse_list_page(std::string_view xml);

struct ListedVersion {
  std::string key, version;
  bool removal = false;  // a mark that the object was removed then
  std::uint64_t size = 0;
  Time modified{};
};
struct VersionsPage {
  std::vector<ListedVersion> versions;  // of each key the newest first
  std::string next_key, next_version;   // markers of the next page; empty: that was the last one
};
// ListObjectVersions, asked for with encoding-type=url.
std::optional<VersionsPage> parse_versions_page(std::string_view xml);

struct UnfinishedUpload {
  std::string key, id;
  Time initiated{};
};
struct UploadsPage {
  std::vector<UnfinishedUpload> uploads;
  std::string next_key, next_id;  // markers of the next page; empty: that was the last one
};
std::optional<UploadsPage> parse_uploads_page(std::string_view xml);

// The id of a multipart upload that was begun.
std::optional<std::string> parse_upload_id(std::string_view xml);

// The objects that DeleteObjects could not remove; empty for what no S3 server answers.
struct FailedRemoval {
  std::string key, code;
};
std::optional<std::vector<FailedRemoval>> parse_delete_result(std::string_view xml);

// "Sun, 22 Nov 2026 12:00:00 GMT" (RFC 9110).
std::optional<Time> parse_http_date(std::string_view text);

struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
};
// "bytes 0-9/100".
std::optional<ContentRange> parse_content_range(std::string_view text);

// A decimal number and nothing else.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

// RFC 3986: everything but unreserved letters as %XX; '/' stays if `keep_slashes`.
std::string percent_encode(std::string_view text, bool keep_slashes);
// The other way; '+' is a space if `plus_is_space`. Empty where after '%' there are no two digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_S3_ANSWERS_H_
