#include "service/s3_toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "storage/s3/s3_answers.h"
#include "storage/s3/s3_options.h"

namespace holdfast::service {
namespace {

constexpr std::string_view kSection = "repository.s3";
constexpr int kMostDays = 36'500, kMostSeconds = 600;
constexpr std::array<std::string_view, 8> kSecrets = {
    "access_key",    "access_key_id", "aws_access_key_id",     "secret_key",
    "session_token", "secret",        "aws_secret_access_key", "secret_access_key"};

// As the option of the same name is written in a URL.
std::string option_value(const TomlValues& values, const std::string& key, const toml::node& node) {
  if (key == "path_style") {
    const auto* flag = node.as_boolean();
    if (flag == nullptr) throw values.wrong(node, "\"path_style\" must be true or false");
    return flag->get() ? "true" : "false";
  }
  if (key == "lock_days") {
    return fmt::format("{}", values.integer(node, key, 1, kMostDays, "of days"));
  }
  if (key == "listing_lag") {
    const auto seconds = values.span(node, key).count();
    if (seconds >= 1 && seconds <= kMostSeconds) return fmt::format("{}", seconds);
    throw values.wrong(node, "\"listing_lag\" must be from \"1s\" to \"10m\"");
  }
  if (key == "ca_file") return values.path(values.text(node, key)).string();
  return values.text(node, key);
}

std::string option_name(std::string key) {
  std::ranges::replace(key, '_', '-');
  return key;
}

bool says(std::string_view url, std::string_view option) {
  const auto question = url.find('?');
  if (question == std::string_view::npos) return false;
  const std::string query = fmt::format("&{}", url.substr(question + 1));
  return query.find(fmt::format("&{}=", option)) != std::string::npos;
}

void expect_no_secrets(const TomlValues& values, const toml::table& fields) {
  for (const auto& [key, node] : fields) {
    if (std::ranges::find(kSecrets, key.str()) == kSecrets.end()) continue;
    throw values.wrong(node, fmt::format("\"{}\" has no place in this file", key.str()),
                       "Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the "
                       "profile that \"profile\" names.");
  }
}

void expect_no_contradiction(const TomlValues& values, const toml::table& fields) {
  const auto* mode = fields.get("lock_mode");
  if (mode != nullptr && !fields.contains("lock_days")) {
    throw values.wrong(*mode, "\"lock_mode\" is nothing without \"lock_days\"");
  }
  const auto* key = fields.get("sse_kms_key");
  if (key == nullptr || !fields.contains("sse")) return;
  if (values.text(*fields.get("sse"), "sse") == "AES256") {
    throw values.wrong(*key, "\"sse_kms_key\" is of \"aws:kms\", and \"sse\" is \"AES256\"");
  }
}

}  // namespace

std::string with_s3_options(const TomlValues& values, const toml::node& node,
                            const std::string& place) {
  const toml::table& fields = values.table(node, kSection);
  expect_no_secrets(values, fields);
  values.expect_keys(fields, kSection,
                     {"endpoint", "region", "path_style", "profile", "ca_file", "storage_class",
                      "sse", "sse_kms_key", "lock_days", "lock_mode", "listing_lag"});
  if (!place.starts_with("s3://")) {
    throw values.wrong(node, fmt::format("[{}] is of a place s3://BUCKET/PREFIX", kSection));
  }
  expect_no_contradiction(values, fields);
  std::string url = place;
  for (const auto& [key, value] : fields) {
    const std::string name(key.str()), option = option_name(name);
    if (says(place, option)) {
      throw values.wrong(value, fmt::format("\"{}\" is said by the place, too", name));
    }
    url += fmt::format("{}{}={}", url.find('?') == std::string::npos ? '?' : '&', option,
                       storage::percent_encode(option_value(values, name, value), true));
    try {
      storage::parse_s3_url(url);
    } catch (const Error& error) {
      throw values.wrong(value, error.happened());
    }
  }
  return url;
}

}  // namespace holdfast::service
