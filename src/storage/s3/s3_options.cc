#include "storage/s3/s3_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "storage/s3/aws_profile.h"
#include "storage/s3/s3_answers.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr std::size_t kLongestPrefix = 512;
constexpr int kMostLockDays = 36'500;
constexpr int kMostListingLag = 600;

Error wrong_place(const std::string& why) {
  return Error(ErrorCode::kUsage, fmt::format("this is not the place of a store of S3: {}", why),
               {},
               "Write s3://BUCKET/PREFIX?endpoint=URL&region=NAME; docs/s3.md has all options.");
}

bool is_bucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, [](char letter) {
           const auto code = static_cast<unsigned char>(letter);
           return std::isalnum(code) != 0 || letter == '-' || letter == '.' || letter == '_';
         });
}

// No control characters, and no segment that a server or a proxy would take for a way up.
void check_prefix(std::string_view prefix) {
  if (prefix.size() > kLongestPrefix) throw wrong_place("its prefix is too long");
  for (const char letter : prefix) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) {
      throw wrong_place("its prefix has a character that cannot be printed");
    }
  }
  std::string_view rest = prefix;
  while (!rest.empty()) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment.empty() || segment == "." || segment == "..") {
      throw wrong_place("its prefix has an empty segment, \".\" or \"..\"");
    }
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
  }
}

void check_endpoint(const std::string& endpoint) {
  if (!endpoint.starts_with("https://") && !endpoint.starts_with("http://")) {
    throw wrong_place("an endpoint begins with https:// or http://");
  }
  const std::string rest = endpoint.substr(endpoint.find("://") + 3);
  if (rest.find('@') != std::string::npos) {
    throw wrong_place("an endpoint has no user and no password");
  }
  const bool plain = std::ranges::all_of(rest, [](char letter) {
    const auto code = static_cast<unsigned char>(letter);
    return std::isalnum(code) != 0 || letter == '-' || letter == '.' || letter == ':' ||
           letter == '[' || letter == ']' || letter == '/' || letter == '_';
  });
  if (rest.empty() || rest.starts_with('/') || !plain) {
    throw wrong_place("an endpoint is https://HOST or https://HOST:PORT");
  }
}

bool flag_of(std::string_view name, std::string_view value) {
  if (value == "true" || value == "yes" || value == "1") return true;
  if (value == "false" || value == "no" || value == "0") return false;
  throw wrong_place(fmt::format("{} is true or false", name));
}

std::string header_value(std::string_view name, const std::string& value) {
  const bool printable =
      std::ranges::all_of(value, [](char letter) { return letter > 0x20 && letter < 0x7f; });
  if (value.empty() || !printable) throw wrong_place(fmt::format("{} has no usable value", name));
  return value;
}

void take_option(S3Options& options, std::string_view name, const std::string& value) {
  if (name == "endpoint") {
    options.endpoint = value;
  } else if (name == "region") {
    options.region = header_value(name, value);
  } else if (name == "path-style") {
    options.path_style = flag_of(name, value);
  } else if (name == "profile") {
    options.profile = value;
  } else if (name == "ca-file") {
    options.ca_file = value;
  } else if (name == "storage-class") {
    options.storage_class = header_value(name, value);
  } else if (name == "sse") {
    options.sse = header_value(name, value);
  } else if (name == "sse-kms-key") {
    options.sse_kms_key = header_value(name, value);
  } else if (name == "lock-days") {
    const auto days = parse_decimal(value);
    if (!days || *days < 1 || *days > kMostLockDays)
      throw wrong_place("lock-days is a number of days");
    options.lock_days = static_cast<int>(*days);
  } else if (name == "lock-mode") {
    if (value != "governance" && value != "compliance") {
      throw wrong_place("lock-mode is governance or compliance");
    }
    options.lock_mode = value == "governance" ? LockMode::kGovernance : LockMode::kCompliance;
  } else if (name == "listing-lag") {
    const auto seconds = parse_decimal(value);
    if (!seconds || *seconds < 1 || *seconds > kMostListingLag)
      throw wrong_place("listing-lag is a number of seconds");
    options.listing_lag = std::chrono::seconds(*seconds);
  } else {
    // It may be a secret, so only known names are repeated.
    throw wrong_place(
        "it has an option that is not known. Keys are never written into it: they come from "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from a profile");
  }
}

std::string decoded(std::string_view text) {
  const auto plain = percent_decode(text, false);
  if (!plain) throw wrong_place("after '%' there must be two hexadecimal digits");
  return *plain;
}

}  // namespace

S3Options parse_s3_url(std::string_view url) {
  std::string_view rest = url.substr(std::min(kScheme.size(), url.size()));
  const auto question = rest.find('?');
  std::string_view query =
      question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  rest = rest.substr(0, question);
  if (rest.find('@') < rest.find('/')) {
    throw wrong_place(
        "keys are never written into it: they come from AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or from a profile");
  }
  S3Options options;
  options.bucket = rest.substr(0, rest.find('/'));
  if (!is_bucket(options.bucket)) throw wrong_place("its bucket has no legal name");
  rest.remove_prefix(options.bucket.size());
  while (rest.starts_with('/')) rest.remove_prefix(1);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  options.prefix = decoded(rest);
  check_prefix(options.prefix);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) throw wrong_place("an option is NAME=VALUE");
    take_option(options, pair.substr(0, equals), decoded(pair.substr(equals + 1)));
  }
  if (!options.endpoint.empty()) check_endpoint(options.endpoint);
  if (!options.sse_kms_key.empty() && options.sse.empty()) options.sse = "aws:kms";
  return options;
}

S3Options complete(S3Options options, const Variables& variables, env::FileSystem& files) {
  const auto fill = [&](std::string& value, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      if (value.empty()) value = variables(name).value_or("");
    }
  };
  fill(options.endpoint, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  fill(options.region, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  fill(options.ca_file, {"AWS_CA_BUNDLE"});
  const std::string profile =
      options.profile.empty() ? variables("AWS_PROFILE").value_or("") : options.profile;
  const AwsSection section = read_profile_settings(files, variables, profile);
  const auto setting = [&](std::string_view name) {
    const auto found = section.find(name);
    return found == section.end() ? std::string() : found->second;
  };
  if (options.endpoint.empty()) options.endpoint = setting("endpoint_url");
  if (options.region.empty()) options.region = setting("region");
  if (options.ca_file.empty()) options.ca_file = setting("ca_bundle");
  if (options.region.empty()) options.region = kDefaultRegion;
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  if (!options.path_style) {
    // A wildcard certificate does not cover two levels.
    options.path_style = !options.endpoint.empty() || options.bucket.find('.') != std::string::npos;
  }
  if (options.endpoint.empty()) {
    options.endpoint = fmt::format("https://s3.{}.amazonaws.com", options.region);
    if (options.region.starts_with("cn-")) options.endpoint += ".cn";
  }
  check_endpoint(options.endpoint);
  return options;
}

std::string bucket_url(const S3Options& options) {
  if (options.path_style.value_or(true)) {
    return fmt::format("{}/{}", options.endpoint, options.bucket);
  }
  const auto host = options.endpoint.find("://") + 3;
  return fmt::format("{}{}.{}", options.endpoint.substr(0, host), options.bucket,
                     options.endpoint.substr(host));
}

std::string description_of(const S3Options& options) {
  return fmt::format("S3 bucket {}{}{} at {}", options.bucket, options.prefix.empty() ? "" : "/",
                     options.prefix, options.endpoint);
}

}  // namespace holdfast::storage
