#include "storage/s3/s3_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "env/randomness.h"
#include "storage/s3/payload_digest.h"
#include "storage/s3/s3_answers.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMostExplanation = 64 << 10;

bool has_body(const S3Request& request) {
  return request.method == "PUT" || request.method == "POST";
}

// Between 0.5 and 1.
double jitter() {
  std::array<std::byte, 2> random{};
  env::fill_random(random);
  return 0.5 + load<std::uint16_t>(random.data()) / 131'072.0;
}

// The answer to a HEAD has no body that says what is wrong, so the same is asked by a GET.
S3Request explanation_of(S3Request request) {
  request.method = "GET";
  request.headers.emplace_back("Range: bytes=0-0");
  request.most_bytes = kMostExplanation;
  return request;
}

bool is_missing(const env::HttpAnswer& answer) {
  if (answer.failure != env::HttpFailure::kNone || answer.status != 404) return false;
  const auto body = parse_error_body(as_text(answer.body));
  return body && (body->code == "NoSuchKey" || body->code == "NoSuchUpload");
}

// Whether this is a store's own word that there is no such object, though without a body.
bool is_plain_missing(const env::HttpAnswer& answer) {
  return answer.status == 404 && !answer.header("x-amz-request-id").empty();
}

// No object is put with this type; proxies and login pages answer so with any status.
bool is_web_page(const S3Request& request, const env::HttpAnswer& answer) {
  const bool has_content =
      !answer.body.empty() || (request.method == "HEAD" && answer.status < 300);
  return has_content && answer.header("content-type").starts_with("text/html");
}

bool has_status(const env::HttpAnswer& answer, std::initializer_list<int> wanted) {
  return answer.failure == env::HttpFailure::kNone &&
         std::ranges::find(wanted, answer.status) != wanted.end();
}

Error with_verdict(const Diagnosis& diagnosis, int attempts) {
  const Error& error = diagnosis.error;
  if (error.code() == ErrorCode::kInterrupted) return error;
  return Error(error.code(),
               attempts == 1
                   ? fmt::format("{} [{}]", error.happened(), verdict_name(diagnosis.verdict))
                   : fmt::format("{} [{}, tried {} times]", error.happened(),
                                 verdict_name(diagnosis.verdict), attempts),
               std::string(error.safe()), std::string(error.next()));
}

// Stopped as soon as one of two is.
class EitherStop {
 public:
  EitherStop(std::stop_token one, std::stop_token other)
      : one_(std::move(one), Pass{both_}), other_(std::move(other), Pass{both_}) {}
  std::stop_token token() const { return both_.get_token(); }

 private:
  struct Pass {
    std::stop_source& to;
    void operator()() const { to.request_stop(); }
  };
  std::stop_source both_;  // first: the others use it
  const std::stop_callback<Pass> one_, other_;
};

Error ended(const S3Options& options, std::string_view doing) {
  return Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot {} in the {}: it was given up before the store answered, because "
                  "the program ends",
                  doing, description_of(options)));
}

}  // namespace

S3Client::S3Client(const S3Options& options, env::HttpClient& http, CredentialSource& credentials,
                   env::Clock& clock, RetryPolicy policy)
    : options_(options),
      http_(http),
      credentials_(credentials),
      clock_(clock),
      policy_(policy),
      bucket_url_(bucket_url(options)) {}

env::HttpAnswer S3Client::send_once(const S3Request& request, const Credentials& credentials) {
  std::string url = bucket_url_ + "/" + percent_encode(request.key, true);
  auto query = request.query;
  std::ranges::sort(query);  // as they are signed
  char separator = '?';
  for (const auto& [name, value] : query) {
    url += fmt::format("{}{}={}", separator, percent_encode(name, false),
                       percent_encode(value, false));
    separator = '&';
  }
  std::vector<std::string> headers = request.headers;
  headers.push_back("x-amz-content-sha256: " + request.body_sha256);
  if (!credentials.session_token.empty()) {
    headers.push_back("x-amz-security-token: " + credentials.session_token);
  }
  if (has_body(request)) headers.emplace_back("Content-Type: application/octet-stream");
  return http_.send({.method = request.method,
                     .url = std::move(url),
                     .headers = std::move(headers),
                     .body = request.body,
                     .signer = env::HttpSigner{.access_key = credentials.access_key,
                                               .secret_key = credentials.secret_key,
                                               .region = options_.region,
                                               .service = "s3"},
                     .timeouts = {.connect = std::chrono::milliseconds(answered_ ? 10'000 : 4'000)},
                     .most_bytes = request.most_bytes,
                     .stop = request.stop});
}

// Doubles, up to the longest; Retry-After is obeyed.
Duration S3Client::pause_before(int attempt, const env::HttpAnswer& answer) const {
  const int doublings = std::min(attempt - 1, 16);
  const auto full = std::min<std::chrono::milliseconds>(
      policy_.longest_pause, policy_.shortest_pause * (std::int64_t{1} << doublings));
  const Duration pause{static_cast<std::int64_t>(
      static_cast<double>(std::chrono::duration_cast<Duration>(full).count()) * jitter())};
  const auto asked = parse_decimal(answer.header("retry-after"));
  if (!asked) return pause;
  return std::max<Duration>(pause, std::chrono::seconds(std::min<std::uint64_t>(*asked, 86'400)));
}

// As send_once(), but with a body where a HEAD failed.
env::HttpAnswer S3Client::ask(const S3Request& request, const Credentials& credentials) {
  env::HttpAnswer answer = send_once(request, credentials);
  if (request.method != "HEAD" || answer.failure != env::HttpFailure::kNone ||
      answer.status < 300 || (bucket_seen_ && is_plain_missing(answer))) {
    return answer;
  }
  env::HttpAnswer explained = send_once(explanation_of(request), credentials);
  // What was missing a moment ago is there now: the HEAD is to be repeated. Of an empty object
  // there is no first byte.
  if (explained.failure == env::HttpFailure::kNone &&
      (explained.status < 300 || explained.status == 416)) {
    explained.status = 503;
    explained.body.clear();
  }
  if (is_missing(explained)) bucket_seen_ = true;
  return explained;
}

// Whether there are others.
bool S3Client::renew(const Credentials& refused) {
  credentials_.refuse(refused);
  const Credentials fresh = credentials_.get();
  return fresh.access_key != refused.access_key || fresh.secret_key != refused.secret_key ||
         fresh.session_token != refused.session_token;
}

env::HttpAnswer S3Client::send(S3Request request, std::initializer_list<int> wanted,
                               const Check& check) {
  if (request.body_sha256.empty()) request.body_sha256 = to_hex(sha256(request.body));
  const EitherStop stop(request.stop, given_up_.get_token());
  request.stop = stop.token();
  std::optional<Duration> failing_since;
  int suspicions = 0;
  bool renewed = false;
  for (int attempt = 1;; ++attempt) {
    if (given_up_.stop_requested()) throw ended(options_, request.doing);
    const Credentials credentials = credentials_.get();
    const env::HttpAnswer answer = ask(request, credentials);
    std::string problem;
    if (has_status(answer, wanted) && !is_web_page(request, answer) &&
        (answer.status != 404 || is_missing(answer) ||
         (request.method == "HEAD" && answer.body.empty() && is_plain_missing(answer)))) {
      if (check) problem = check(answer);
      if (problem.empty()) {
        answered_ = true;
        bucket_seen_ = true;
        return answer;
      }
    }
    if (answer.failure == env::HttpFailure::kStopped && given_up_.stop_requested()) continue;
    // S3 also sends errors after it has begun an answer of success.
    const bool is_error = parse_error_body(as_text(answer.body)).has_value();
    const Diagnosis diagnosis = problem.empty() || is_error
                                    ? diagnose(answer, options_, request.doing, clock_.now())
                                    : suspicious(options_, request.doing, problem);
    if (is_error) answered_ = true;
    if (diagnosis.credentials_refused && !std::exchange(renewed, true) && renew(credentials)) {
      continue;
    }
    const Duration now = clock_.elapsed();
    if (!failing_since) failing_since = now;
    if (diagnosis.verdict == Verdict::kSuspicious) ++suspicions;
    const Duration pause = pause_before(attempt, answer);
    const bool in_vain = diagnosis.verdict == Verdict::kPermanent ||
                         suspicions >= policy_.suspicious_tries || request.stop.stop_requested();
    const auto patience = answered_ ? policy_.patience : policy_.first_patience;
    if (in_vain || now + pause - *failing_since > patience) throw with_verdict(diagnosis, attempt);
    clock_.wait(pause, request.stop);
  }
}

}  // namespace holdfast::storage
