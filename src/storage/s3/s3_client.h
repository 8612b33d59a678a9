// Signed requests to one bucket, repeated until they are answered or there is no hope.
#ifndef HOLDFAST_STORAGE_S3_S3_CLIENT_H_
#define HOLDFAST_STORAGE_S3_S3_CLIENT_H_

#include <atomic>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "env/clock.h"
#include "env/http_client.h"
#include "storage/s3/credentials.h"
#include "storage/s3/s3_error.h"
#include "storage/s3/s3_options.h"

namespace holdfast::storage {

struct RetryPolicy {
  // From the first failure of a request on. A store that has never answered is a mistyped name more
  // often than one that is about to come back.
  std::chrono::milliseconds patience{60'000}, first_patience{3'000};
  std::chrono::milliseconds shortest_pause{50}, longest_pause{10'000};
  int suspicious_tries = 3;
};

struct S3Request {
  std::string method;
  std::string key;  // of the bucket; empty: the bucket itself
  std::vector<std::pair<std::string, std::string>> query = {};
  std::vector<std::string> headers = {};
  ByteView body = {};
  std::string body_sha256 = {};  // in hexadecimal digits; empty: not computed yet
  std::uint64_t most_bytes = 1 << 20;
  std::string doing;  // for errors: "store packs/ab"
  std::stop_token stop = {};
};

// Thread safe.
class S3Client {
 public:
  // All must outlive it; `options` are complete.
  S3Client(const S3Options& options, env::HttpClient& http, CredentialSource& credentials,
           env::Clock& clock, RetryPolicy policy);

  // What is wrong with a successful answer; empty if nothing is.
  using Check = std::function<std::string(const env::HttpAnswer&)>;
  // The first answer whose status is among `wanted` and that `check` finds nothing wrong with.
  // 404 counts only where it is about the object, and not about the bucket. Throws what diagnose()
  // says, with its verdict and how often it was tried.
  env::HttpAnswer send(S3Request request, std::initializer_list<int> wanted,
                       const Check& check = {});

  // What is asked now or later fails with kUnavailable, within about a second.
  void give_up() { given_up_.request_stop(); }
  std::stop_token given_up() const { return given_up_.get_token(); }

  const S3Options& options() const { return options_; }
  env::Clock& clock() { return clock_; }

 private:
  env::HttpAnswer send_once(const S3Request& request, const Credentials& credentials);
  env::HttpAnswer ask(const S3Request& request, const Credentials& credentials);
  bool renew(const Credentials& refused);
  Duration pause_before(int attempt, const env::HttpAnswer& answer) const;

  const S3Options& options_;
  env::HttpClient& http_;
  CredentialSource& credentials_;
  env::Clock& clock_;
  const RetryPolicy policy_;
  const std::string bucket_url_;
  std::atomic<bool> answered_ = false;     // as a store of S3 does
  std::atomic<bool> bucket_seen_ = false;  // so that 404 is about the object
  std::stop_source given_up_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_S3_CLIENT_H_
