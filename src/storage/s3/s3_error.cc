#include "storage/s3/s3_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "storage/s3/s3_answers.h"

namespace holdfast::storage {
namespace {

using env::HttpFailure;

constexpr std::string_view kNothingChanged = "Nothing was changed there.";

// What is common to all that is said about one answer.
class Report {
 public:
  Report(const S3Options& options, std::string_view doing) : options_(options), doing_(doing) {}

  Diagnosis transient(const std::string& what) const {
    return {.verdict = Verdict::kTransient,
            .error = Error(ErrorCode::kUnavailable, sentence(what))};
  }
  Diagnosis permanent(ErrorCode code, const std::string& what, std::string next) const {
    return {.verdict = Verdict::kPermanent,
            .error = Error(code, sentence(what), std::string(kNothingChanged), std::move(next))};
  }
  Diagnosis suspicious(const std::string& what) const {
    return {.verdict = Verdict::kSuspicious,
            .error = Error(ErrorCode::kStoreSuspicious, sentence(what))};
  }
  Diagnosis refused(const std::string& what, std::string next) const {
    Diagnosis diagnosis = permanent(ErrorCode::kPermissionDenied, what, std::move(next));
    diagnosis.credentials_refused = true;
    return diagnosis;
  }
  const S3Options& options() const { return options_; }

 private:
  std::string sentence(const std::string& what) const {
    return fmt::format("cannot {} in the {}: {}", doing_, description_of(options_), what);
  }

  const S3Options& options_;
  const std::string_view doing_;
};

Diagnosis diagnose_failure(const env::HttpAnswer& answer, const Report& report) {
  const std::string& problem = answer.problem;
  switch (answer.failure) {
    case HttpFailure::kUntrusted:
      return report.permanent(
          ErrorCode::kStoreUntrusted,
          fmt::format("its certificate is not one that is trusted here ({})", problem),
          "If the store has a certificate authority of its own, name its file by ca-file=PATH or "
          "AWS_CA_BUNDLE; otherwise somebody may stand in between.");
    case HttpFailure::kTooLarge:
      return report.suspicious("the answer is larger than it can be");
    case HttpFailure::kStopped:
      return {.verdict = Verdict::kPermanent,
              .error = Error(ErrorCode::kInterrupted, "a request was interrupted")};
    case HttpFailure::kHostUnknown:
      return report.transient(fmt::format("the host is not known ({})", problem));
    case HttpFailure::kRefused:
      return report.transient(fmt::format("there is no connection ({})", problem));
    case HttpFailure::kTimeout:
      return report.transient(fmt::format("no answer came in time ({})", problem));
    default:
      return report.transient(fmt::format("the connection was lost ({})", problem));
  }
}

std::string skew_text(const env::HttpAnswer& answer, Time now) {
  const auto theirs = parse_http_date(answer.header("date"));
  if (!theirs) return "this machine's clock is wrong";
  const auto difference = std::chrono::duration_cast<std::chrono::seconds>(now - *theirs);
  const auto seconds = std::llabs(difference.count());
  return fmt::format("this machine's clock is {} min {} s {} the store's", seconds / 60,
                     seconds % 60, difference.count() < 0 ? "behind" : "ahead of");
}

Diagnosis wrong_region(const Report& report, std::string_view region) {
  const std::string& asked = report.options().region;
  if (region.empty() || region == asked) {
    return report.permanent(ErrorCode::kConfiguration,
                            fmt::format("the bucket is not in the region {}", asked),
                            "Name the bucket's region by region=NAME or AWS_REGION.");
  }
  return report.permanent(
      ErrorCode::kConfiguration,
      fmt::format("the bucket is in the region {}, but {} was asked", region, asked),
      fmt::format("Say region={} in the URL, or set AWS_REGION={}.", region, region));
}

// Of an answer without an error of S3.
std::string status_and_type(const env::HttpAnswer& answer) {
  const std::string_view type = answer.header("content-type");
  if (type.empty()) return fmt::format("status {}, without XML", answer.status);
  return fmt::format("status {}, with {}", answer.status,
                     type.substr(0, type.find_first_of(";\r\n")));
}

bool is_one_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

Diagnosis diagnose_code(const env::HttpAnswer& answer, const S3ErrorBody& body,
                        const Report& report, Time now) {
  const std::string& code = body.code;
  const std::string said =
      fmt::format("{} {}{}{}", answer.status, code, body.message.empty() ? "" : ": ", body.message);
  const S3Options& options = report.options();
  if (is_one_of(code, {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout",
                       "OperationAborted", "ConditionalRequestConflict", "Busy",
                       "ThrottlingException", "TooManyRequests", "RequestLimitExceeded",
                       "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"})) {
    return report.transient(said);
  }
  if (code == "RequestTimeTooSkewed") {
    return report.permanent(ErrorCode::kClockWrong,
                            fmt::format("{} ({})", skew_text(answer, now), said),
                            "Correct the clock (timedatectl set-ntp true), and run it again.");
  }
  if (is_one_of(code, {"InvalidAccessKeyId", "InvalidClientTokenId", "NotSignedUp"})) {
    return report.refused(fmt::format("the store does not know this access key ({})", said),
                          "Check AWS_ACCESS_KEY_ID or the profile, and the endpoint.");
  }
  if (code == "SignatureDoesNotMatch") {
    return report.refused(
        fmt::format("the secret key is not that of the access key ({})", said),
        "Check AWS_SECRET_ACCESS_KEY or the profile; a proxy that changes requests does the same.");
  }
  if (is_one_of(code, {"ExpiredToken", "TokenRefreshRequired", "InvalidToken"})) {
    return report.refused(fmt::format("the session token has expired or is not valid ({})", said),
                          "Get new temporary keys, and set AWS_SESSION_TOKEN with the other two.");
  }
  if (is_one_of(code, {"AuthorizationHeaderMalformed", "PermanentRedirect",
                       "IllegalLocationConstraintException"})) {
    const std::string_view region = answer.header("x-amz-bucket-region");
    return wrong_region(report, region.empty() ? std::string_view(body.region) : region);
  }
  if (code == "NoSuchBucket") {
    return report.permanent(ErrorCode::kRepositoryMissing,
                            fmt::format("there is no bucket {} ({})", options.bucket, said),
                            "Check the bucket's name and the endpoint, or make the bucket.");
  }
  if (is_one_of(code, {"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"})) {
    return report.permanent(
        ErrorCode::kPermissionDenied, fmt::format("the keys have no right to do that ({})", said),
        "Allow it in the policy of the user or bucket; docs/s3.md has the smallest one.");
  }
  if (is_one_of(code, {"QuotaExceeded", "EntityTooLarge", "InsufficientStorage"})) {
    return {.verdict = Verdict::kPermanent, .error = Error(ErrorCode::kDiskFull, said)};
  }
  if (code == "NotImplemented") {
    return report.permanent(ErrorCode::kUnsupported,
                            fmt::format("the store cannot do that ({})", said),
                            "docs/s3.md says what a store must be able to do.");
  }
  if (answer.status >= 500) return report.transient(said);
  return report.permanent(ErrorCode::kUnsupported, said,
                          "docs/s3.md says what a store must be able to do.");
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  constexpr std::array<std::string_view, 3> kNames = {"transient", "permanent", "suspicious"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Diagnosis diagnose(const env::HttpAnswer& answer, const S3Options& options, std::string_view doing,
                   Time now) {
  const Report report(options, doing);
  if (answer.failure != HttpFailure::kNone) return diagnose_failure(answer, report);
  if (const auto body = parse_error_body(as_text(answer.body))) {
    return diagnose_code(answer, *body, report, now);
  }
  // Proxies and balancers answer in their own words when what is behind them is away.
  const std::string said = status_and_type(answer);
  if (answer.status >= 500 || answer.status == 429 || answer.status == 408) {
    return report.transient(said);
  }
  if (answer.status == 301 || answer.status == 307) {
    if (const auto region = answer.header("x-amz-bucket-region"); !region.empty()) {
      return wrong_region(report, region);
    }
  }
  return report.suspicious("what answers there is no S3 store: " + said);
}

Diagnosis suspicious(const S3Options& options, std::string_view doing, std::string_view problem) {
  return Report(options, doing).suspicious(std::string(problem));
}

}  // namespace holdfast::storage
