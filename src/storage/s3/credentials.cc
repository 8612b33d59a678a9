#include "storage/s3/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "storage/s3/aws_profile.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kInstance = "http://169.254.169.254";
constexpr std::string_view kContainer = "http://169.254.170.2";
// Amazon renews them five minutes before and later.
constexpr auto kEarly = std::chrono::minutes(5);
constexpr std::uint64_t kMostMetadata = 64 << 10;
// Where there is no such service, nothing answers at all.
constexpr env::HttpTimeouts kMetadataTimeouts{.connect = std::chrono::milliseconds(1'000),
                                              .silence = std::chrono::seconds(2),
                                              .whole = std::chrono::milliseconds(3'000)};

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const bool printable =
      std::ranges::all_of(text, [](char letter) { return letter >= 0x20 && letter < 0x7f; });
  if (!printable) {
    throw Error(ErrorCode::kConfiguration,
                "a key or token of S3 has characters that no such key has");
  }
  return text;
}

Error no_credentials() {
  return Error(ErrorCode::kPermissionDenied, "no keys for S3 were found", {},
               "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write a profile into "
               "~/.aws/credentials; docs/s3.md has all ways.");
}

}  // namespace

Credentials parse_metadata_credentials(std::string_view json, std::string_view origin) {
  const auto wrong = [&] {
    return Error(ErrorCode::kUnavailable, fmt::format("{} answers without keys", origin), {},
                 "Check that a role is attached to this machine or container.");
  };
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object()) throw wrong();
  const auto text = [&](const char* name) {
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? one_line(found->get<std::string>())
                                                         : std::string();
  };
  Credentials credentials{.access_key = text("AccessKeyId"),
                          .secret_key = text("SecretAccessKey"),
                          .session_token = text("Token"),
                          .expires = parse_rfc3339(text("Expiration")),
                          .origin = std::string(origin)};
  if (credentials.access_key.empty() || credentials.secret_key.empty()) throw wrong();
  return credentials;
}

bool is_allowed_container_uri(std::string_view uri) {
  if (uri.starts_with("https://")) return true;
  constexpr std::string_view kLocal[] = {"http://127.0.0.1",      "http://localhost",
                                         "http://[::1]",          "http://169.254.170.2",
                                         "http://169.254.170.23", "http://[fd00:ec2::23]"};
  return std::ranges::any_of(kLocal, [&](std::string_view local) {
    if (!uri.starts_with(local)) return false;
    const std::string_view rest = uri.substr(local.size());
    return rest.empty() || rest.front() == '/' || rest.front() == ':';
  });
}

CredentialSource::CredentialSource(const S3Options& options, Variables variables,
                                   env::FileSystem& files, env::Clock& clock, env::HttpClient& http)
    : named_profile_(options.profile),
      variables_(std::move(variables)),
      files_(files),
      clock_(clock),
      http_(http) {}

Credentials CredentialSource::get() {
  const std::scoped_lock lock(mutex_);
  const Time now = clock_.now();
  if (current_ && (!current_->expires || now + kEarly < *current_->expires)) return *current_;
  try {
    current_ = fetch();
  } catch (const Error&) {
    if (!current_ || now >= *current_->expires) throw;
  }
  return *current_;
}

void CredentialSource::refuse(const Credentials& refused) {
  const std::scoped_lock lock(mutex_);
  if (current_ && current_->access_key == refused.access_key &&
      current_->secret_key == refused.secret_key &&
      current_->session_token == refused.session_token) {
    current_.reset();
  }
}

Credentials CredentialSource::fetch() {
  if (!named_profile_.empty()) return *from_profile(named_profile_, true);
  if (auto found = from_variables()) return *std::move(found);
  const auto profile = variables_("AWS_PROFILE");
  if (auto found = from_profile(profile.value_or(""), profile.has_value())) {
    return *std::move(found);
  }
  if (auto found = from_container()) return *std::move(found);
  if (auto found = from_instance()) return *std::move(found);
  throw no_credentials();
}

std::optional<Credentials> CredentialSource::from_variables() {
  const auto access = variables_("AWS_ACCESS_KEY_ID"), secret = variables_("AWS_SECRET_ACCESS_KEY");
  if (!access && !secret) return std::nullopt;
  if (!access || !secret) {
    throw Error(ErrorCode::kConfiguration,
                "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
  }
  return Credentials{.access_key = one_line(*access),
                     .secret_key = one_line(*secret),
                     .session_token = one_line(variables_("AWS_SESSION_TOKEN").value_or("")),
                     .origin = "AWS_ACCESS_KEY_ID"};
}

std::optional<Credentials> CredentialSource::from_profile(const std::string& profile,
                                                          bool must_exist) {
  const AwsSection section = read_profile_credentials(files_, variables_, profile);
  const auto setting = [&](std::string_view name) {
    const auto found = section.find(name);
    return found == section.end() ? std::string() : one_line(found->second);
  };
  const std::string shown = profile.empty() ? "default" : profile;
  Credentials credentials{.access_key = setting("aws_access_key_id"),
                          .secret_key = setting("aws_secret_access_key"),
                          .session_token = setting("aws_session_token"),
                          .origin = fmt::format("profile {}", shown)};
  if (!credentials.access_key.empty() && !credentials.secret_key.empty()) return credentials;
  if (!must_exist) return std::nullopt;
  throw Error(
      ErrorCode::kConfiguration,
      fmt::format("the profile {} has no aws_access_key_id and aws_secret_access_key", shown), {},
      "Write both into ~/.aws/credentials, or name another profile; roles that are "
      "assumed, single sign-on and credential_process are not supported.");
}

env::HttpAnswer CredentialSource::ask(std::string method, std::string url,
                                      std::vector<std::string> headers) {
  return http_.send({.method = std::move(method),
                     .url = std::move(url),
                     .headers = std::move(headers),
                     .timeouts = kMetadataTimeouts,
                     .most_bytes = kMostMetadata,
                     .direct = true});
}

std::optional<Credentials> CredentialSource::from_container() {
  std::string uri;
  if (const auto relative = variables_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    uri = std::string(kContainer) + *relative;
  } else if (const auto full = variables_("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
    uri = *full;
  } else {
    return std::nullopt;
  }
  if (!is_allowed_container_uri(uri)) {
    throw Error(ErrorCode::kConfiguration,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI leads neither to this machine nor over https");
  }
  std::string token = variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  if (const auto file = variables_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    token = as_text(env::read_file(files_, *file));
  }
  std::vector<std::string> headers;
  if (!token.empty()) headers.push_back("Authorization: " + one_line(std::move(token)));
  const env::HttpAnswer answer = ask("GET", uri, std::move(headers));
  if (answer.failure != env::HttpFailure::kNone || answer.status != 200) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the container's metadata do not tell keys for S3: {}",
                            answer.failure == env::HttpFailure::kNone
                                ? fmt::format("status {}", answer.status)
                                : answer.problem));
  }
  return parse_metadata_credentials(as_text(answer.body), "container metadata");
}

std::optional<Credentials> CredentialSource::from_instance() {
  if (variables_("AWS_EC2_METADATA_DISABLED").value_or("") == "true") return std::nullopt;
  std::string base = variables_("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("");
  if (base.empty()) base = kInstance;
  while (base.ends_with('/')) base.pop_back();
  const env::HttpAnswer token =
      ask("PUT", base + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds: 21600"});
  if (token.failure != env::HttpFailure::kNone || token.status != 200) return std::nullopt;
  const std::string pass =
      "X-aws-ec2-metadata-token: " + one_line(std::string(as_text(token.body)));
  const std::string roles = base + "/latest/meta-data/iam/security-credentials/";
  const env::HttpAnswer role = ask("GET", roles, {pass});
  if (role.failure != env::HttpFailure::kNone || role.status != 200) return std::nullopt;
  const std::string name = one_line(std::string(as_text(role.body)));
  const bool plain = std::ranges::none_of(name, [](char letter) {
    return letter == '/' || letter == ' ' || letter == '?' || letter == '#' || letter == '%';
  });
  if (name.empty() || !plain) return std::nullopt;
  const env::HttpAnswer answer = ask("GET", roles + name, {pass});
  if (answer.failure != env::HttpFailure::kNone || answer.status != 200) return std::nullopt;
  return parse_metadata_credentials(as_text(answer.body), "instance metadata");
}

}  // namespace holdfast::storage
