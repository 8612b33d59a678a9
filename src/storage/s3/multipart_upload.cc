#include "storage/s3/multipart_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/parallel.h"
#include "storage/object_name.h"
#include "storage/s3/payload_digest.h"
#include "storage/s3/s3_answers.h"
#include "storage/s3/xml_document.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kPartSize = 8 << 20;  // at most, as far as kMostParts allow
constexpr std::size_t kMostParts = 10'000;  // S3's own limit
constexpr unsigned kConnections = 4;
constexpr int kMostUploadPages = 1'000;  // of leftovers; a list without end must not be followed

// All of about the same size, so that none is waited for long. Above S3's own limit of 5 MiB, as
// what has parts has at least three.
std::size_t part_size_of(std::size_t size) {
  const std::size_t most = std::max(kPartSize, size / (kMostParts - 1) + 1);
  const std::size_t parts = (size + most - 1) / most;
  return (size + parts - 1) / parts;
}

class Upload {
 public:
  Upload(S3Client& client, const std::string& key, ByteView content, const std::string& doing)
      : client_(client),
        key_(key),
        content_(content),
        doing_(doing),
        part_size_(part_size_of(content.size())),
        tags_((content.size() + part_size_ - 1) / part_size_) {}

  void begin(std::vector<std::string> headers) {
    const env::HttpAnswer answer =
        client_.send({.method = "POST",
                      .key = key_,
                      .query = {{"uploads", ""}},
                      .headers = std::move(headers),
                      .doing = doing_},
                     {200}, [](const env::HttpAnswer& begun) {
                       return parse_upload_id(as_text(begun.body)) ? "" : "it names no upload";
                     });
    id_ = *parse_upload_id(as_text(answer.body));
  }

  void send_parts() {
    std::atomic<std::size_t> next = 0;
    std::stop_source stopped;
    std::mutex mutex;
    std::exception_ptr failure;  // the first one, not those of the parts that it stopped
    const auto threads = static_cast<unsigned>(std::min<std::size_t>(kConnections, tags_.size()));
    run_parallel(threads, [&](const std::atomic<bool>&) {
      for (std::size_t part; !stopped.stop_requested() && (part = next++) < tags_.size();) {
        try {
          tags_[part] = send_part(part, stopped.get_token());
        } catch (...) {
          const std::scoped_lock lock(mutex);
          if (!failure) failure = std::current_exception();
          stopped.request_stop();
        }
      }
    });
    if (failure) std::rethrow_exception(failure);
  }

  UploadEnd complete(bool exclusive) {
    std::string xml = "<CompleteMultipartUpload>";
    for (std::size_t part = 0; part < tags_.size(); ++part) {
      xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>{}</Part>", part + 1,
                         xml_text(tags_[part].etag), tags_[part].checksum);
    }
    xml += "</CompleteMultipartUpload>";
    std::vector<std::string> headers;
    if (exclusive) headers.emplace_back("If-None-Match: *");
    const env::HttpAnswer answer = client_.send({.method = "POST",
                                                 .key = key_,
                                                 .query = {{"uploadId", id_}},
                                                 .headers = std::move(headers),
                                                 .body = as_bytes(xml),
                                                 .doing = doing_},
                                                {200, 404, 412}, &problem_of_completion);
    if (answer.status == 412) return UploadEnd::kExists;
    return answer.status == 404 ? UploadEnd::kUnknown : UploadEnd::kDone;
  }

  void abort() {
    if (id_.empty()) return;
    client_.send({.method = "DELETE", .key = key_, .query = {{"uploadId", id_}}, .doing = doing_},
                 {200, 204, 404});
  }

 private:
  struct Tag {
    std::string etag, checksum;  // the second as an element, or empty
  };

  // It may take so long that S3 answers 200 at once, and the error later in the body.
  static std::string problem_of_completion(const env::HttpAnswer& answer) {
    if (answer.status != 200) return {};
    const auto root = parse_xml(as_text(answer.body));
    if (root && root->name == "CompleteMultipartUploadResult") return {};
    if (const auto error = parse_error_body(as_text(answer.body))) {
      return fmt::format("the parts were not put together: {}", error->code);
    }
    return "the parts were not put together";
  }

  Tag send_part(std::size_t part, std::stop_token stop) {
    const ByteView body = content_.subspan(
        part * part_size_, std::min(part_size_, content_.size() - part * part_size_));
    const std::string hash = to_hex(sha256(body));
    const std::string checksum = checksum_header(client_.options(), body, hash);
    const env::HttpAnswer answer =
        client_.send({.method = "PUT",
                      .key = key_,
                      .query = {{"partNumber", std::to_string(part + 1)}, {"uploadId", id_}},
                      .headers = {checksum},
                      .body = body,
                      .body_sha256 = hash,
                      .doing = doing_,
                      .stop = std::move(stop)},
                     {200}, [](const env::HttpAnswer& sent) {
                       return sent.header("etag").empty() ? "a part has no ETag" : "";
                     });
    constexpr std::string_view kSha256 = "x-amz-checksum-sha256: ";
    Tag tag{.etag = std::string(answer.header("etag")), .checksum = {}};
    if (checksum.starts_with(kSha256)) {
      tag.checksum =
          fmt::format("<ChecksumSHA256>{}</ChecksumSHA256>", checksum.substr(kSha256.size()));
    }
    return tag;
  }

  S3Client& client_;
  const std::string& key_;
  const ByteView content_;
  const std::string& doing_;
  const std::size_t part_size_;
  std::string id_;
  std::vector<Tag> tags_;
};

}  // namespace

std::string checksum_header(const S3Options& options, ByteView body,
                            const std::string& sha256_hex) {
  // Amazon's own keeps it with the object; others know only the older one, or refuse the newer.
  if (options.endpoint.find(".amazonaws.com") != std::string::npos) {
    Bytes digest(sha256_hex.size() / 2);
    if (from_hex(sha256_hex, digest)) return "x-amz-checksum-sha256: " + to_base64(digest);
  }
  return "Content-MD5: " + to_base64(md5(body));
}

UploadEnd upload_in_parts(S3Client& client, const std::string& key, ByteView content,
                          std::vector<std::string> headers, bool exclusive,
                          const std::string& doing) {
  if (client.options().endpoint.find(".amazonaws.com") != std::string::npos) {
    headers.emplace_back("x-amz-checksum-algorithm: SHA256");
  }
  Upload upload(client, key, content, doing);
  upload.begin(std::move(headers));
  try {
    upload.send_parts();
    const UploadEnd end = upload.complete(exclusive);
    if (end == UploadEnd::kExists) upload.abort();
    return end;
  } catch (const Error&) {
    try {
      upload.abort();
    } catch (const Error&) {
      // It costs money until it is aborted as a leftover; the first failure is the one to tell.
    }
    throw;
  }
}

std::size_t abort_leftovers(S3Client& client, const std::string& prefix, std::chrono::hours age) {
  const std::string doing = "look for unfinished uploads";
  std::size_t aborted = 0;
  std::string next_key, next_id;
  for (int pages = 0; pages < kMostUploadPages; ++pages) {
    std::vector<std::pair<std::string, std::string>> query = {
        {"uploads", ""}, {"prefix", prefix}, {"encoding-type", "url"}};
    if (!next_key.empty()) query.emplace_back("key-marker", next_key);
    if (!next_id.empty()) query.emplace_back("upload-id-marker", next_id);
    const env::HttpAnswer answer = client.send(
        {.method = "GET",
         .key = {},
         .query = std::move(query),
         .most_bytes = 8 << 20,
         .doing = doing},
        {200}, [](const env::HttpAnswer& listed) {
          return parse_uploads_page(as_text(listed.body)) ? "" : "it is no list of uploads";
        });
    const UploadsPage page = *parse_uploads_page(as_text(answer.body));
    const auto now = parse_http_date(answer.header("date"));
    if (!now) return aborted;  // how old they are is not known
    for (const UnfinishedUpload& upload : page.uploads) {
      const bool is_ours =
          upload.key.starts_with(prefix) && is_legal_object_name(upload.key.substr(prefix.size()));
      if (!is_ours || *now - upload.initiated <= age) continue;
      client.send({.method = "DELETE",
                   .key = upload.key,
                   .query = {{"uploadId", upload.id}},
                   .doing = "abort an unfinished upload"},
                  {200, 204, 404});
      ++aborted;
    }
    if (page.next_key.empty()) break;
    next_key = page.next_key;
    next_id = page.next_id;
  }
  return aborted;
}

}  // namespace holdfast::storage
