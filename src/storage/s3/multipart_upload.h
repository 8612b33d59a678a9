// A large object, sent in parts by several connections at once.
#ifndef HOLDFAST_STORAGE_S3_MULTIPART_UPLOAD_H_
#define HOLDFAST_STORAGE_S3_MULTIPART_UPLOAD_H_

#include <string>
#include <vector>

#include "storage/s3/s3_client.h"

namespace holdfast::storage {

enum class UploadEnd {
  kDone,     // it is there
  kExists,   // there is an object of that name already; perhaps this one
  kUnknown,  // the store does not know the upload any more: perhaps it was completed
};

// `headers` are those of the object. With `exclusive`, an object that is there is not replaced. If
// it throws, the upload has been aborted, or remains as a leftover where that failed too. Throws
// what S3Client does.
UploadEnd upload_in_parts(S3Client& client, const std::string& key, ByteView content,
                          std::vector<std::string> headers, bool exclusive,
                          const std::string& doing);

// Aborts the uploads below `prefix` that were begun longer ago than `age` by the store's clock.
// Answers how many.
std::size_t abort_leftovers(S3Client& client, const std::string& prefix, std::chrono::hours age);

// The header by which the store finds out that `body` was damaged on the way.
std::string checksum_header(const S3Options& options, ByteView body, const std::string& sha256_hex);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_MULTIPART_UPLOAD_H_
