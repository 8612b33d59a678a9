#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "repository/snapshot.h"
#include "service/collection_toml.h"
#include "service/configuration.h"
#include "service/export_toml.h"
#include "service/protection_toml.h"
#include "service/repository_toml.h"
#include "service/toml_values.h"

namespace holdfast::service {
namespace {

using Keys = std::vector<std::string>;

class Reader : TomlValues {
 public:
  Reader(const env::Path& file, const Variables& variables)
      : TomlValues(file, variables), file_(file) {}

  Configuration read(const toml::table& root) {
    expect_keys(root, "",
                {"repository", "passphrase_file", "key_cache", "compression", "limit_upload",
                 "limit_download", "databases", "retention", "environment", "force_import",
                 "replication", "collections", "records"});
    Configuration configuration;
    configuration.file = file_;
    if (const auto* node = root.get("repository")) {
      configuration.repositories = read_repositories(*this, *node);
    }
    if (const auto* node = root.get("passphrase_file")) {
      configuration.passphrase_file = path(text(*node, "passphrase_file"));
    }
    if (const auto* node = root.get("key_cache")) configuration.key_cache = key_cache(*node);
    if (const auto* node = root.get("compression")) {
      configuration.compression =
          integer(*node, "compression", 1, 19, "from 1 (fast) to 19 (small)");
    }
    if (const auto* node = root.get("limit_upload")) {
      configuration.limits.upload = rate(*node, "limit_upload");
    }
    if (const auto* node = root.get("limit_download")) {
      configuration.limits.download = rate(*node, "limit_download");
    }
    if (const auto* node = root.get("retention"))
      configuration.retention = read_policy(*this, *node, "retention");
    if (const auto* node = root.get("environment")) {
      configuration.boot.environment = text(*node, "environment");
    }
    if (const auto* node = root.get("force_import")) {
      configuration.boot.force_switch = text(*node, "force_import");
    }
    if (const auto* node = root.get("replication")) {
      configuration.replication = read_replication(*this, *node);
    }
    if (const auto* node = root.get("databases")) read_databases(*node, configuration);
    if (const auto* node = root.get("records")) {
      configuration.records = read_record_settings(*this, *node);
    }
    if (const auto* node = root.get("collections")) {
      Keys names;
      for (const auto& database : configuration.databases) names.push_back(database.name);
      configuration.collections = read_collections(*this, *node, names);
    }
    if (const auto* node = root.get("databases")) read_exports(*this, *node, configuration);
    return configuration;
  }

 private:
  bool key_cache(const toml::node& node) const {
    const std::string said = text(node, "key_cache");
    if (said != "session" && said != "off")
      throw wrong(node, "\"key_cache\" must be \"session\" or \"off\"");
    return said == "session";
  }

  // Megabytes a second, as bytes.
  double rate(const toml::node& node, std::string_view name) const {
    const double megabytes = number(node, name);
    if (!(megabytes > 0 && megabytes <= storage::kMostMegabytesASecond)) {
      throw wrong(node, fmt::format("\"{}\" must be a number of megabytes a second", name));
    }
    return megabytes * 1e6;
  }

  void read_databases(const toml::node& node, Configuration& configuration) const {
    std::vector<std::pair<toml::source_position, DatabaseConfiguration>> found;
    for (const auto& [key, value] : table(node, "databases")) {
      const std::string name(key.str());
      const std::string section = "databases." + name;
      const toml::table& fields = table(value, section);
      Keys known = {"source", "keep", "exports"};
      known.insert(known.end(), protection_keys().begin(), protection_keys().end());
      expect_keys(fields, section, known);
      DatabaseConfiguration database{.name = name,
                                     .source = {},
                                     .keep = {},
                                     .protection = read_protection(*this, fields),
                                     .exports = {}};
      try {
        repository::check_snapshot_name(name);
      } catch (const Error& error) {
        throw wrong(value, fmt::format("\"{}\" cannot be the name of a database: {}", name,
                                       error.happened()));
      }
      const auto* source = fields.get("source");
      if (source == nullptr) throw wrong(value, fmt::format("[{}] needs a source", section));
      database.source = texts(*source, "source");
      if (const auto* keep = fields.get("keep")) {
        database.keep = read_policy(*this, *keep, section + ".keep");
      }
      found.emplace_back(key.source().begin, std::move(database));
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
      return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
    });
    for (auto& [position, database] : found) configuration.databases.push_back(std::move(database));
  }

  const env::Path& file_;
};

}  // namespace

Configuration parse_configuration(std::string_view text, const env::Path& file,
                                  const Variables& variables) {
  return Reader(file, variables).read(parse_toml(text, file));
}

}  // namespace holdfast::service
