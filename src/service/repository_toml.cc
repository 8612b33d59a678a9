#include "service/repository_toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/time.h"
#include "service/s3_toml.h"

namespace holdfast::service {
namespace {

std::string read_place(const TomlValues& values, const toml::node& node, std::string_view name) {
  const std::string said = values.text(node, name);
  return said.find("://") != std::string::npos ? said : values.path(said).string();
}

// Names are words of the command line and parts of variables' names.
bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
  });
}

RepositoryConfiguration read_repository(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "repository");
  values.expect_keys(fields, "repository",
                     {"name", "place", "passphrase_file", "keep", "copy_every", "s3"});
  RepositoryConfiguration repository;
  const auto* name = fields.get("name");
  const auto* place = fields.get("place");
  if (name == nullptr || place == nullptr) {
    throw values.wrong(node, "a [[repository]] needs a name and a place");
  }
  repository.name = values.text(*name, "name");
  if (!is_name(repository.name)) {
    throw values.wrong(*name, "\"name\" must be made of letters, digits, '-' and '_'");
  }
  repository.written = repository.place = read_place(values, *place, "place");
  if (const auto* s3 = fields.get("s3")) {
    repository.place = with_s3_options(values, *s3, repository.written);
  }
  if (const auto* file = fields.get("passphrase_file")) {
    repository.passphrase_file = values.path(values.text(*file, "passphrase_file"));
  }
  if (const auto* keep = fields.get("keep")) {
    repository.keep = read_policy(values, *keep, "repository.keep");
  }
  if (const auto* every = fields.get("copy_every")) {
    repository.copy_every = values.span_or_off(*every, "copy_every");
  }
  return repository;
}

}  // namespace

std::vector<RepositoryConfiguration> read_repositories(const TomlValues& values,
                                                       const toml::node& node) {
  if (!node.is_array()) {
    const std::string place = read_place(values, node, "repository");
    return {{.name = {}, .place = place, .written = place}};
  }
  std::vector<RepositoryConfiguration> repositories;
  for (const toml::node& one : *node.as_array()) {
    RepositoryConfiguration read = read_repository(values, one);
    for (const RepositoryConfiguration& other : repositories) {
      if (other.name == read.name) {
        throw values.wrong(one, fmt::format("two repositories are called \"{}\"", read.name));
      }
      if (other.place == read.place) {
        throw values.wrong(one,
                           fmt::format("\"{}\" and \"{}\" are one place", other.name, read.name));
      }
    }
    repositories.push_back(std::move(read));
  }
  if (repositories.empty()) throw values.wrong(node, "\"repository\" is empty");
  return repositories;
}

repository::RetentionPolicy read_policy(const TomlValues& values, const toml::node& node,
                                        std::string_view section) {
  const toml::table& keep = values.table(node, section);
  values.expect_keys(keep, section,
                     {"last", "hourly", "daily", "weekly", "monthly", "yearly", "within", "tags"});
  repository::RetentionPolicy policy;
  const auto count = [&](std::string_view name, int& field) {
    if (const auto* found = keep.get(name)) {
      field = values.integer(*found, name, -1, std::numeric_limits<int>::max(),
                             "from 0, or -1 for all");
    }
  };
  count("last", policy.last);
  count("hourly", policy.hourly);
  count("daily", policy.daily);
  count("weekly", policy.weekly);
  count("monthly", policy.monthly);
  count("yearly", policy.yearly);
  if (const auto* within = keep.get("within")) {
    policy.within = parse_span(values.text(*within, "within"));
    if (!policy.within)
      throw values.wrong(*within, "\"within\" must be a span such as \"30d\" or \"1y6mo\"");
  }
  if (const auto* tags = keep.get("tags")) policy.tags = values.texts(*tags, "tags");
  if (policy.empty()) throw values.wrong(node, fmt::format("[{}] keeps nothing", section));
  return policy;
}

}  // namespace holdfast::service
