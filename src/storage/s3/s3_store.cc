#include "storage/s3/s3_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/randomness.h"
#include "storage/object_name.h"
#include "storage/s3/multipart_upload.h"
#include "storage/s3/payload_digest.h"
#include "storage/s3/s3_answers.h"
#include "storage/s3/xml_document.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kPartsFrom = 16 << 20;
constexpr std::size_t kMostRemovedAtOnce = 1000;  // S3's own limit
constexpr std::uint64_t kMostListing = 16 << 20;
constexpr std::uint64_t kMostObject = std::uint64_t{5} << 30;
constexpr std::uint64_t kMostErrorBody = 64 << 10;
constexpr auto kLeftoverUploads = std::chrono::hours(24);
constexpr std::string_view kPutId = "x-amz-meta-holdfast-put";
constexpr std::string_view kContentSha256 = "x-amz-meta-holdfast-sha256";

std::unique_ptr<env::HttpClient> http_client(const S3Surroundings& surroundings,
                                             const std::string& ca_file) {
  return surroundings.make_http ? surroundings.make_http({.ca_file = ca_file})
                                : env::make_http_client({.ca_file = ca_file});
}

std::string_view without_quotes(std::string_view tag) {
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') {
    return tag.substr(1, tag.size() - 2);
  }
  return tag;
}

// Whether the answer to a put proves that this very content was stored.
bool proves(const env::HttpAnswer& answer, const std::string& checksum) {
  const auto colon = checksum.find(": ");
  const std::string_view value = std::string_view(checksum).substr(colon + 2);
  if (!checksum.starts_with("Content-MD5")) {
    return answer.header("x-amz-checksum-sha256") == value;
  }
  return without_quotes(answer.header("etag")) == to_hex(from_base64(value));
}

std::string problem_of_head(const env::HttpAnswer& answer) {
  if (answer.status == 404) return {};
  if (answer.header("etag").empty()) return "an object has no ETag";
  if (!parse_decimal(answer.header("content-length"))) return "an object has no length";
  if (!parse_http_date(answer.header("last-modified"))) return "an object has no date";
  return {};
}

}  // namespace

S3Store::S3Store(S3Options options, S3Surroundings surroundings)
    : options_(complete(std::move(options), surroundings.variables, surroundings.files)),
      clock_(surroundings.clock),
      http_(http_client(surroundings, options_.ca_file)),
      metadata_http_(http_client(surroundings, {})),
      credentials_(options_, surroundings.variables, surroundings.files, surroundings.clock,
                   *metadata_http_),
      client_(options_, *http_, credentials_, surroundings.clock, surroundings.retries),
      with_exclusive_create_{.linearizable = true,
                             .exclusive_create = true,
                             .assumed = true,
                             .description = description_of(options_),
                             .costly = true},
      without_exclusive_create_{.linearizable = true,
                                .exclusive_create = false,
                                .assumed = true,
                                .description = description_of(options_),
                                .costly = true} {}

const Capabilities& S3Store::capabilities() const {
  return exclusive_ ? with_exclusive_create_ : without_exclusive_create_;
}

std::string S3Store::key_of(std::string_view name) const {
  require_legal_object_name(name);
  return options_.prefix.empty() ? std::string(name) : fmt::format("{}/{}", options_.prefix, name);
}

void S3Store::throw_missing(std::string_view name) const {
  throw Error(ErrorCode::kNotFound,
              fmt::format("there is no object \"{}\" in the {}", name, description_of(options_)));
}

std::vector<std::string> S3Store::headers_of(const PutOptions& options,
                                             const std::string& put_id) const {
  std::vector<std::string> headers = {fmt::format("{}: {}", kPutId, put_id)};
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) headers.push_back(fmt::format("{}: {}", name, value));
  };
  add("x-amz-server-side-encryption", options_.sse);
  add("x-amz-server-side-encryption-aws-kms-key-id", options_.sse_kms_key);
  const bool lasts = options.mode == PutMode::kCreate && !options.ephemeral && !options.transient;
  if (!lasts) return headers;
  add("x-amz-storage-class", options_.storage_class);
  if (options_.lock_days > 0) {
    add("x-amz-object-lock-mode",
        options_.lock_mode == LockMode::kCompliance ? "COMPLIANCE" : "GOVERNANCE");
    const std::string until =
        format_rfc3339(clock_.now() + std::chrono::hours(24) * options_.lock_days);
    add("x-amz-object-lock-retain-until-date", until.substr(0, until.find('.')) + "Z");
  }
  return headers;
}

void S3Store::put(std::string_view name, ByteView content, PutOptions options) {
  require_legal_object_name(name);
  // Where the store cannot, at least what is there already is not replaced. Of large objects some
  // stores look at nothing when their parts are put together.
  const bool look_first = options.mode == PutMode::kCreate && !options.fresh &&
                          (!exclusive_ || content.size() > kPartsFrom);
  if (look_first) expect_absent(name);
  if (content.size() > kPartsFrom) return put_parts(name, content, options);
  put_whole(name, content, options);
}

void S3Store::put_whole(std::string_view name, ByteView content, PutOptions options) {
  const std::string doing = fmt::format("store {}", name);
  const std::string put_id = env::random_name(), hash = to_hex(sha256(content));
  const std::string checksum = checksum_header(options_, content, hash);
  std::vector<std::string> headers = headers_of(options, put_id);
  headers.push_back(fmt::format("{}: {}", kContentSha256, hash));
  headers.push_back(checksum);
  const bool exclusive = options.mode == PutMode::kCreate && exclusive_;
  if (exclusive) headers.emplace_back("If-None-Match: *");
  const env::HttpAnswer answer =
      client_.send({.method = "PUT",
                    .key = key_of(name),
                    .headers = std::move(headers),
                    .body = content,
                    .body_sha256 = hash,
                    .doing = doing},
                   {200, 412}, [](const env::HttpAnswer& put) {
                     return put.status == 200 && put.header("etag").empty()
                                ? "it does not confirm what was stored"
                                : "";
                   });
  if (answer.status == 412) {
    // An answer may have been lost on the way, and the request sent once more.
    if (exclusive && is_of_put(name, put_id, doing)) return;
    throw Error(
        ErrorCode::kAlreadyExists,
        fmt::format("there is an object \"{}\" in the {} already", name, description_of(options_)));
  }
  if (!proves(answer, checksum)) expect_stored(name, content.size(), doing);
}

void S3Store::put_parts(std::string_view name, ByteView content, PutOptions options) {
  const std::string doing = fmt::format("store {}", name);
  const std::string put_id = env::random_name();
  const bool exclusive = options.mode == PutMode::kCreate && exclusive_;
  const UploadEnd end = upload_in_parts(client_, key_of(name), content, headers_of(options, put_id),
                                        exclusive, doing);
  if (end != UploadEnd::kDone && !is_of_put(name, put_id, doing)) {
    if (end == UploadEnd::kExists) {
      throw Error(ErrorCode::kAlreadyExists,
                  fmt::format("there is an object \"{}\" in the {} already", name,
                              description_of(options_)));
    }
    throw Error(ErrorCode::kUnavailable,
                fmt::format("cannot {} in the {}: the upload was ended by somebody else", doing,
                            description_of(options_)));
  }
  expect_stored(name, content.size(), doing);
}

std::optional<env::HttpAnswer> S3Store::head(std::string_view name, const std::string& doing) {
  env::HttpAnswer answer = client_.send({.method = "HEAD", .key = key_of(name), .doing = doing},
                                        {200, 404}, &problem_of_head);
  if (answer.status == 404) return std::nullopt;
  return answer;
}

bool S3Store::is_of_put(std::string_view name, const std::string& put_id,
                        const std::string& doing) {
  const auto found = head(name, doing);
  return found && found->header(kPutId) == put_id;
}

void S3Store::expect_absent(std::string_view name) {
  if (!head(name, fmt::format("look for {}", name))) return;
  throw Error(ErrorCode::kAlreadyExists, fmt::format("there is an object \"{}\" in the {} already",
                                                     name, description_of(options_)));
}

void S3Store::expect_stored(std::string_view name, std::uint64_t size, const std::string& doing) {
  const auto found = head(name, doing);
  const auto stored = found ? parse_decimal(found->header("content-length")) : std::nullopt;
  if (stored == size) return;
  throw Error(ErrorCode::kStoreSuspicious,
              fmt::format("cannot {} in the {}: the store took {} bytes, but has {}", doing,
                          description_of(options_), size,
                          stored ? fmt::format("{} of them", *stored) : "none of them"));
}

Bytes S3Store::get(std::string_view name) {
  std::string damage;
  const auto problem_of = [&](const env::HttpAnswer& answer) -> std::string {
    damage.clear();
    if (answer.status == 404) return {};
    if (answer.header("etag").empty()) return "an object has no ETag";
    const std::string_view hash = answer.header(kContentSha256);
    if (!hash.empty() && hash != to_hex(sha256(answer.body)))
      damage = "other bytes came than stored";
    return damage;
  };
  try {
    env::HttpAnswer answer = client_.send({.method = "GET",
                                           .key = key_of(name),
                                           .most_bytes = kMostObject,
                                           .doing = fmt::format("read {}", name)},
                                          {200, 404}, problem_of);
    if (answer.status == 404) throw_missing(name);
    return std::move(answer.body);
  } catch (const Error& error) {
    if (damage.empty()) throw;
    throw Error(ErrorCode::kDamagedObject, error.happened());
  }
}

void S3Store::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  get_part(name, {}, offset, out);
}

// Of the newest version where none is named.
void S3Store::get_part(std::string_view name, const std::string& version, std::uint64_t offset,
                       MutableByteView out) {
  const auto too_short = [&](std::uint64_t size) {
    return Error(ErrorCode::kDamagedObject,
                 fmt::format("\"{}\" in the {} has {} bytes, but {} from {} were wanted", name,
                             description_of(options_), size, out.size(), offset));
  };
  // There is no way to write these ranges.
  if (out.empty() || offset + out.size() < offset) {
    const auto status = stat(name);
    if (!status) throw_missing(name);
    if (offset > status->size || out.size() > status->size - offset) throw too_short(status->size);
    return;
  }
  const auto problem_of = [&](const env::HttpAnswer& answer) -> std::string {
    if (answer.status != 206) return {};
    const auto range = parse_content_range(answer.header("content-range"));
    if (!range || range->first != offset) return "it answers another range than was asked for";
    const std::uint64_t there = std::min<std::uint64_t>(out.size(), range->total - offset);
    if (answer.body.size() != there || range->last - range->first + 1 != there) {
      return "it answers a part of the range that was asked for";
    }
    return {};
  };
  std::vector<std::pair<std::string, std::string>> query;
  if (!version.empty()) query.emplace_back("versionId", version);
  const env::HttpAnswer answer =
      client_.send({.method = "GET",
                    .key = key_of(name),
                    .query = std::move(query),
                    .headers = {fmt::format("Range: bytes={}-{}", offset, offset + out.size() - 1)},
                    .most_bytes = std::max<std::uint64_t>(out.size(), kMostErrorBody),
                    .doing = fmt::format("read {}", name)},
                   {206, 404, 416}, problem_of);
  if (answer.status == 404) throw_missing(name);
  if (answer.status == 416) {
    const auto status = stat(name);
    if (!status) throw_missing(name);
    throw too_short(status->size);
  }
  if (answer.body.size() != out.size()) {
    throw too_short(parse_content_range(answer.header("content-range"))->total);
  }
  std::ranges::copy(answer.body, out.begin());
}

std::optional<ObjectStatus> S3Store::stat(std::string_view name) {
  const auto found = head(name, fmt::format("look for {}", name));
  if (!found) return std::nullopt;
  return ObjectStatus{.size = *parse_decimal(found->header("content-length")),
                      .modified = *parse_http_date(found->header("last-modified"))};
}

void S3Store::list(std::string_view prefix, const Visitor& visit) {
  // What was done before this call is then in the oldest listing that may come.
  if (options_.listing_lag.count() > 0) clock_.wait(options_.listing_lag, client_.given_up());
  const std::string root = options_.prefix.empty() ? std::string() : options_.prefix + "/";
  const std::string below = root + std::string(prefix);
  std::string token, last;
  do {
    std::vector<std::pair<std::string, std::string>> query = {
        {"list-type", "2"}, {"encoding-type", "url"}, {"prefix", below}};
    if (!token.empty()) query.emplace_back("continuation-token", token);
    std::optional<ListPage> page;
    client_.send({.method = "GET",
                  .key = {},
                  .query = std::move(query),
                  .most_bytes = kMostListing,
                  .doing = fmt::format("list {}", prefix.empty() ? "all objects" : prefix)},
                 {200}, [&](const env::HttpAnswer& answer) -> std::string {
                   page = parse_list_page(as_text(answer.body));
                   if (!page) return "it is no list of objects";
                   if (!token.empty() && page->next == token) return "its list has no end";
                   std::string_view before = last;
                   for (const ListedObject& object : page->objects) {
                     if (!object.key.starts_with(below)) return "it lists what was not asked for";
                     if (!before.empty() && object.key <= before) return "its list is in no order";
                     before = object.key;
                   }
                   return {};
                 });
    for (const ListedObject& object : page->objects) {
      const std::string_view name = std::string_view(object.key).substr(root.size());
      // Others may keep objects of their own there.
      if (is_legal_object_name(name)) {
        visit(name, {.size = object.size, .modified = object.modified});
      }
    }
    if (!page->objects.empty()) last = page->objects.back().key;
    token = page->next;
  } while (!token.empty());
}

void S3Store::remove(std::string_view name) {
  const std::string doing = fmt::format("remove {}", name);
  if (!head(name, doing)) throw_missing(name);
  client_.send({.method = "DELETE", .key = key_of(name), .doing = doing}, {200, 204, 404},
               [](const env::HttpAnswer& removed) {
                 return removed.status == 200 && !removed.body.empty()
                            ? "it does not confirm what was removed"
                            : "";
               });
}

void S3Store::remove_many(std::span<const std::string> names) {
  for (const std::string& name : names) require_legal_object_name(name);
  while (!names.empty()) {
    const std::size_t count = std::min(names.size(), kMostRemovedAtOnce);
    remove_batch(names.first(count));
    names = names.subspan(count);
  }
}

void S3Store::remove_batch(std::span<const std::string> names) {
  const std::string doing = fmt::format("remove {} objects", names.size());
  std::string xml = "<Delete><Quiet>true</Quiet>";
  for (const std::string& name : names) {
    xml += fmt::format("<Object><Key>{}</Key></Object>", xml_text(key_of(name)));
  }
  xml += "</Delete>";
  const ByteView body = as_bytes(xml);
  std::vector<FailedRemoval> failed;
  client_.send({.method = "POST",
                .key = {},
                .query = {{"delete", ""}},
                .headers = {"Content-MD5: " + to_base64(md5(body))},
                .body = body,
                .most_bytes = kMostListing,
                .doing = doing},
               {200}, [&](const env::HttpAnswer& answer) -> std::string {
                 auto result = parse_delete_result(as_text(answer.body));
                 if (!result) return "it does not say what was removed";
                 failed = *std::move(result);
                 std::erase_if(failed, [](const auto& one) { return one.code == "NoSuchKey"; });
                 return {};
               });
  if (failed.empty()) return;
  const bool denied = failed.front().code == "AccessDenied";
  throw Error(
      denied ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
      fmt::format("cannot {} in the {}: {} of them are still there, such as {} ({})", doing,
                  description_of(options_), failed.size(), failed.front().key, failed.front().code),
      {},
      denied ? "Allow s3:DeleteObject in the policy; an object that is locked can be "
               "removed when its time has passed."
             : "");
}

void S3Store::remove_old_leftovers() {
  abort_leftovers(client_, options_.prefix.empty() ? std::string() : options_.prefix + "/",
                  kLeftoverUploads);
}

}  // namespace holdfast::storage
