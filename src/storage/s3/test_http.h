// For tests: a store of S3 whose answers are made up.
#ifndef HOLDFAST_STORAGE_S3_TEST_HTTP_H_
#define HOLDFAST_STORAGE_S3_TEST_HTTP_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "env/clock.h"
#include "storage/s3/s3_store.h"

namespace holdfast::storage {

// A request as it was sent, with copies of what it referred to.
struct SentRequest {
  std::string method, url, body;
  std::vector<std::string> headers;
  std::string access_key;

  std::string header(std::string_view name) const {
    for (const std::string& header : headers) {
      if (header.starts_with(std::string(name) + ": ")) return header.substr(name.size() + 2);
    }
    return {};
  }
};

class FakeHttp {
 public:
  using Answering = std::function<env::HttpAnswer(const SentRequest&)>;

  // The next answers, in order; after them, `otherwise`.
  std::deque<env::HttpAnswer> answers;
  Answering otherwise = [](const SentRequest&) {
    return env::HttpAnswer{.failure = env::HttpFailure::kRefused, .problem = "nobody listens"};
  };
  std::vector<SentRequest> sent;

  std::unique_ptr<env::HttpClient> client() { return std::make_unique<Client>(*this); }

 private:
  class Client : public env::HttpClient {
   public:
    explicit Client(FakeHttp& http) : http_(http) {}
    env::HttpAnswer send(const env::HttpRequest& request) override {
      const std::scoped_lock lock(http_.mutex_);
      http_.sent.push_back({.method = request.method,
                            .url = request.url,
                            .body = std::string(as_text(request.body)),
                            .headers = request.headers,
                            .access_key = request.signer ? request.signer->access_key : ""});
      if (http_.answers.empty()) return http_.otherwise(http_.sent.back());
      env::HttpAnswer answer = std::move(http_.answers.front());
      http_.answers.pop_front();
      return answer;
    }

   private:
    FakeHttp& http_;
  };
  std::mutex mutex_;
};

inline env::HttpAnswer answer_of(int status, std::string_view body = {},
                                 std::vector<env::HttpHeader> headers = {}) {
  const ByteView bytes = as_bytes(body);
  return {.status = status, .headers = std::move(headers), .body = {bytes.begin(), bytes.end()}};
}
inline env::HttpAnswer refusal_of(int status, std::string_view code,
                                  std::vector<env::HttpHeader> headers = {}) {
  return answer_of(status,
                   "<?xml version=\"1.0\"?><Error><Code>" + std::string(code) +
                       "</Code><Message>said so</Message></Error>",
                   std::move(headers));
}
inline env::HttpAnswer failure_of(env::HttpFailure failure) {
  return {.failure = failure, .problem = "as the test wants it"};
}

// A store on a FakeHttp, with keys and nothing else in its environment.
struct FakeSite {
  FakeHttp http;
  env::FakeClock clock{
      Time(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(12))};
  std::map<std::string, std::string, std::less<>> variables = {
      {"AWS_ACCESS_KEY_ID", "AKID"},
      {"AWS_SECRET_ACCESS_KEY", "hush"},
      {"AWS_EC2_METADATA_DISABLED", "true"}};

  Variables lookup() {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  }
  S3Surroundings surroundings() {
    return {.files = env::posix_file_system(),
            .clock = clock,
            .variables = lookup(),
            .make_http = [this](const env::HttpClientOptions&) { return http.client(); }};
  }
  std::unique_ptr<S3Store> store(std::string_view url = "s3://bucket/app?endpoint=http://s3.test") {
    return std::make_unique<S3Store>(parse_s3_url(url), surroundings());
  }
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_TEST_HTTP_H_
