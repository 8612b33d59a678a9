// Objects in a bucket of S3, or of any other service that speaks its protocol.
#ifndef HOLDFAST_STORAGE_S3_S3_STORE_H_
#define HOLDFAST_STORAGE_S3_S3_STORE_H_

#include <atomic>
#include <memory>
#include <string>

#include "storage/s3/s3_client.h"
#include "storage/store.h"

namespace holdfast::storage {

// What the store is made of; tests replace it. References must outlive it.
struct S3Surroundings {
  env::FileSystem& files;
  env::Clock& clock;
  Variables variables;
  // Empty: over libcurl.
  std::function<std::unique_ptr<env::HttpClient>(env::HttpClientOptions)> make_http = {};
  RetryPolicy retries = {};
};

// An object NAME has the key prefix/NAME, and, as metadata, the SHA-256 of its content (where it
// was sent in one piece) and a random id of the put that made it: so a put whose answer was lost
// can tell its own object from another's. Objects above 16 MiB go in parts.
//
// Nothing is asked before the first call. A removal asks twice: S3 does not tell whether there was
// anything to remove.
class S3Store : public Store {
 public:
  // Completes the options. Throws as complete() does.
  S3Store(S3Options options, S3Surroundings surroundings);

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void list_first(std::string_view prefix, const FirstVisitor& visit) override;
  void get_first(std::string_view name, const std::string& version, std::uint64_t offset,
                 MutableByteView out) override;
  void remove(std::string_view name) override;
  void remove_many(std::span<const std::string> names) override;
  const Capabilities& capabilities() const override;
  void remove_old_leftovers() override;
  void give_up() override { client_.give_up(); }
  void set_exclusive_create(bool exclusive) override { exclusive_ = exclusive; }

 private:
  std::string key_of(std::string_view name) const;
  std::vector<std::string> headers_of(const PutOptions& options, const std::string& put_id) const;
  void put_whole(std::string_view name, ByteView content, PutOptions options);
  void put_parts(std::string_view name, ByteView content, PutOptions options);
  // The object's headers; empty if there is none.
  std::optional<env::HttpAnswer> head(std::string_view name, const std::string& doing);
  bool is_of_put(std::string_view name, const std::string& put_id, const std::string& doing);
  void expect_absent(std::string_view name);
  void expect_stored(std::string_view name, std::uint64_t size, const std::string& doing);
  void get_part(std::string_view name, const std::string& version, std::uint64_t offset,
                MutableByteView out);
  void list_first_versions(std::string_view prefix, const FirstVisitor& visit);
  void remove_batch(std::span<const std::string> names);
  [[noreturn]] void throw_missing(std::string_view name) const;

  const S3Options options_;
  env::Clock& clock_;
  // That of the metadata services knows no CA file of the store.
  const std::unique_ptr<env::HttpClient> http_, metadata_http_;
  CredentialSource credentials_;
  S3Client client_;
  std::atomic<bool> exclusive_ = true;
  const Capabilities with_exclusive_create_, without_exclusive_create_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_S3_STORE_H_
