// Who asks: the keys that sign requests, and where they come from.
#ifndef HOLDFAST_STORAGE_S3_CREDENTIALS_H_
#define HOLDFAST_STORAGE_S3_CREDENTIALS_H_

#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"
#include "env/clock.h"
#include "env/file_system.h"
#include "env/http_client.h"
#include "storage/s3/s3_options.h"

namespace holdfast::storage {

struct Credentials {
  std::string access_key, secret_key;
  std::string session_token;      // may be empty
  std::optional<Time> expires{};  // empty: never
  std::string origin;             // "AWS_ACCESS_KEY_ID", "profile app", "instance metadata"
};

// Thread safe. Looks, in this order, at
//   - the profile that the options name, and nowhere else if they do;
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN;
//   - the profile of AWS_PROFILE, or "default";
//   - a container's metadata: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with
//     AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE);
//   - an instance's metadata (IMDSv2), unless AWS_EC2_METADATA_DISABLED is true.
// All references must outlive it; `http` must not be the one that has an own CA file.
class CredentialSource {
 public:
  CredentialSource(const S3Options& options, Variables variables, env::FileSystem& files,
                   env::Clock& clock, env::HttpClient& http);

  // Fetched again when they are about to expire; old ones that still hold are used where that
  // fails. Throws kPermissionDenied where there are none, kConfiguration and kUnavailable.
  Credentials get();
  // The store did not accept these: the next get() fetches, unless it has others already.
  void refuse(const Credentials& refused);

 private:
  Credentials fetch();
  std::optional<Credentials> from_variables();
  std::optional<Credentials> from_profile(const std::string& profile, bool must_exist);
  std::optional<Credentials> from_container();
  std::optional<Credentials> from_instance();
  env::HttpAnswer ask(std::string method, std::string url, std::vector<std::string> headers);

  const std::string named_profile_;
  const Variables variables_;
  env::FileSystem& files_;
  env::Clock& clock_;
  env::HttpClient& http_;
  std::mutex mutex_;
  std::optional<Credentials> current_;
};

// The JSON that container and instance metadata answer with. Throws kUnavailable.
Credentials parse_metadata_credentials(std::string_view json, std::string_view origin);
// Whether a container's full URI may be asked: https, or this machine and the addresses of ECS and
// EKS, which never leave it.
bool is_allowed_container_uri(std::string_view uri);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_CREDENTIALS_H_
