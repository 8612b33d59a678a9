#include "repository/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "repository/json_fields.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kApplication = "holdfast";
constexpr std::size_t kMostBytes = 4096;
constexpr std::uint64_t kClaimFormat = 2;
constexpr JsonOrigin kOrigin{ErrorCode::kDamagedObject, kConfigName};

}  // namespace

Bytes serialize(const Config& config) {
  nlohmann::json json{{"application", kApplication},
                      {"created", format_rfc3339(config.created)},
                      {"encrypted", config.encrypted},
                      {"format", config.format},
                      {"id", config.id.hex()}};
  if (!config.exclusive_create) json["exclusive_create"] = false;
  const std::string text = dump_json(json);
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

Config parse_config(ByteView text) {
  const nlohmann::json value = parse_json(text, kMostBytes, kOrigin);
  const JsonFields fields(value, kOrigin);
  if (fields.text("application", kMostBytes) != kApplication) {
    throw kOrigin.error("this is not the configuration of a Holdfast repository");
  }
  // First of all: nothing else is known about a later format.
  const std::uint64_t format = fields.number("format", std::numeric_limits<std::int32_t>::max());
  if (format > kFormatVersion) {
    throw Error(ErrorCode::kRepositoryVersion,
                fmt::format("the repository has format {}, this version of Holdfast reads "
                            "formats up to {}",
                            format, kFormatVersion));
  }
  if (format < 1) throw fields.wrong("format", "at least 1");
  const Config config{.id = fields.id<RepositoryId>("id"),
                      .format = static_cast<int>(format),
                      .encrypted = fields.flag("encrypted"),
                      .created = fields.time("created"),
                      .exclusive_create = format < kClaimFormat || fields.flag("exclusive_create")};
  // Keys are bound to these bytes, so there is one way to write them.
  if (!std::ranges::equal(serialize(config), text)) {
    throw kOrigin.error("it is not written as Holdfast writes it");
  }
  return config;
}

Config read_config(storage::Store& store) {
  const auto missing = [&] {
    return Error(ErrorCode::kRepositoryMissing,
                 fmt::format("there is no repository in {}", store.capabilities().description));
  };
  const auto status = store.stat(kConfigName);
  if (!status) throw missing();
  if (status->size > kMostBytes) throw kOrigin.error("it is too large");
  try {
    return parse_config(store.get(kConfigName));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) throw missing();
    throw;
  }
}

}  // namespace holdfast::repository
