// Where a store of S3 is, and how it is to be used. docs/s3.md is the reference.
#ifndef HOLDFAST_STORAGE_S3_S3_OPTIONS_H_
#define HOLDFAST_STORAGE_S3_S3_OPTIONS_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "env/file_system.h"

namespace holdfast::storage {

// The value of an environment variable; empty where it is not set, or set to nothing.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

enum class LockMode { kGovernance, kCompliance };

struct S3Options {
  std::string bucket;
  std::string prefix = {};    // without a slash at its ends; may be empty
  std::string endpoint = {};  // "https://host:port"; empty: Amazon's own of the region
  std::string region = {};    // empty: the profile's, else us-east-1
  // Empty: where there is an endpoint, or the bucket has dots.
  std::optional<bool> path_style = {};
  std::string profile = {};  // whose keys are used, whatever the environment says
  std::string ca_file = {};
  std::string storage_class = {};  // "STANDARD_IA"
  std::string sse = {};            // "AES256", "aws:kms"
  std::string sse_kms_key = {};
  int lock_days = 0;  // 0: objects are not locked
  LockMode lock_mode = LockMode::kGovernance;
  std::chrono::seconds listing_lag{0};  // a listing may be so old
};

// s3://bucket/prefix?option=value&…. Throws kUsage, without repeating a secret that was written
// into it.
S3Options parse_s3_url(std::string_view url);
// What `options` leave open, as the environment (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION,
// AWS_DEFAULT_REGION, AWS_CA_BUNDLE) and the profile's section of the configuration file say it,
// and by default. Throws kUsage and kConfiguration.
S3Options complete(S3Options options, const Variables& variables, env::FileSystem& files);

// "https://bucket.host" or "https://host/bucket", of complete options.
std::string bucket_url(const S3Options& options);
// "S3 bucket app/prefix at https://…".
std::string description_of(const S3Options& options);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_S3_OPTIONS_H_
