#include <fmt/format.h>

#include <algorithm>
#include <limits>

#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

#include "base/error.h"
#include "base/time.h"
#include "repository/snapshot.h"
#include "service/configuration.h"
#include "service/nearest_word.h"

namespace holdfast::service {
namespace {

using Keys = std::vector<std::string>;

class Reader {
 public:
  Reader(const env::Path& file, const Variables& variables) : file_(file), variables_(variables) {}

  Configuration read(const toml::table& root) {
    expect_keys(
        root, "",
        {"repository", "passphrase_file", "key_cache", "compression", "databases", "retention"});
    Configuration configuration;
    configuration.file = file_;
    if (const auto* node = root.get("repository")) configuration.repository = place(*node);
    if (const auto* node = root.get("passphrase_file")) {
      configuration.passphrase_file = path(text(*node, "passphrase_file"));
    }
    if (const auto* node = root.get("key_cache")) configuration.key_cache = key_cache(*node);
    if (const auto* node = root.get("compression")) {
      configuration.compression =
          integer(*node, "compression", 1, 19, "from 1 (fast) to 19 (small)");
    }
    if (const auto* node = root.get("retention"))
      configuration.retention = policy(*node, "retention");
    if (const auto* node = root.get("databases")) read_databases(*node, configuration);
    return configuration;
  }

 private:
  Error wrong(const toml::node& node, std::string_view problem, std::string next = {}) const {
    return Error(ErrorCode::kConfiguration,
                 fmt::format("{}, line {}: {}", file_.string(), node.source().begin.line, problem),
                 {}, std::move(next));
  }

  void expect_keys(const toml::table& table, std::string_view section, const Keys& known) const {
    for (const auto& [key, node] : table) {
      if (std::ranges::find(known, key.str()) != known.end()) continue;
      const std::string near = nearest_word(key.str(), known);
      const std::string where = section.empty() ? "" : fmt::format(" in [{}]", section);
      const auto line = key.source().begin.line;
      throw Error(
          ErrorCode::kConfiguration,
          fmt::format("{}, line {}: unknown key \"{}\"{}{}", file_.string(), line, key.str(), where,
                      near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)),
          {}, fmt::format("The keys known there are: {}.", fmt::join(known, ", ")));
    }
  }

  const toml::table& table(const toml::node& node, std::string_view name) const {
    const auto* found = node.as_table();
    if (found == nullptr)
      throw wrong(node, fmt::format("\"{}\" must be a section: [{}]", name, name));
    return *found;
  }

  std::string text(const toml::node& node, std::string_view name) const {
    const auto* found = node.as_string();
    if (found == nullptr) throw wrong(node, fmt::format("\"{}\" must be a text in quotes", name));
    if (found->get().empty()) throw wrong(node, fmt::format("\"{}\" is empty", name));
    if (found->get().find('\0') != std::string::npos)
      throw wrong(node, fmt::format("\"{}\" holds a NUL", name));
    return found->get();
  }

  std::vector<std::string> texts(const toml::node& node, std::string_view name) const {
    if (const auto* list = node.as_array()) {
      if (list->empty()) throw wrong(node, fmt::format("\"{}\" is an empty list", name));
      std::vector<std::string> result;
      for (const toml::node& item : *list) result.push_back(text(item, name));
      return result;
    }
    if (!node.is_string())
      throw wrong(node, fmt::format("\"{}\" must be a text in quotes or a list of such", name));
    return {text(node, name)};
  }

  int integer(const toml::node& node, std::string_view name, std::int64_t least, std::int64_t most,
              std::string_view range) const {
    const auto* found = node.as_integer();
    if (found == nullptr || found->get() < least || found->get() > most) {
      throw wrong(node, fmt::format("\"{}\" must be a whole number {}", name, range));
    }
    return static_cast<int>(found->get());
  }

  env::Path path(std::string_view said) const {
    return absolute_path(file_.parent_path(), expand_home(said, variables_));
  }

  std::string place(const toml::node& node) const {
    const std::string said = text(node, "repository");
    return said.find("://") != std::string::npos ? said : path(said).string();
  }

  bool key_cache(const toml::node& node) const {
    const std::string said = text(node, "key_cache");
    if (said != "session" && said != "off")
      throw wrong(node, "\"key_cache\" must be \"session\" or \"off\"");
    return said == "session";
  }

  repository::RetentionPolicy policy(const toml::node& node, std::string_view section) const {
    const toml::table& keep = table(node, section);
    expect_keys(keep, section,
                {"last", "hourly", "daily", "weekly", "monthly", "yearly", "within", "tags"});
    repository::RetentionPolicy policy;
    const auto count = [&](std::string_view name, int& field) {
      if (const auto* found = keep.get(name)) {
        field = integer(*found, name, -1, std::numeric_limits<int>::max(), "from 0, or -1 for all");
      }
    };
    count("last", policy.last);
    count("hourly", policy.hourly);
    count("daily", policy.daily);
    count("weekly", policy.weekly);
    count("monthly", policy.monthly);
    count("yearly", policy.yearly);
    if (const auto* within = keep.get("within")) {
      policy.within = parse_span(text(*within, "within"));
      if (!policy.within)
        throw wrong(*within, "\"within\" must be a span such as \"30d\" or \"1y6mo\"");
    }
    if (const auto* tags = keep.get("tags")) policy.tags = texts(*tags, "tags");
    if (policy.empty()) throw wrong(node, fmt::format("[{}] keeps nothing", section));
    return policy;
  }

  void read_databases(const toml::node& node, Configuration& configuration) const {
    std::vector<std::pair<toml::source_position, DatabaseConfiguration>> found;
    for (const auto& [key, value] : table(node, "databases")) {
      const std::string name(key.str());
      const std::string section = "databases." + name;
      const toml::table& fields = table(value, section);
      expect_keys(fields, section, {"source", "keep"});
      DatabaseConfiguration database{.name = name, .source = {}, .keep = {}};
      try {
        repository::check_snapshot_name(name);
      } catch (const Error& error) {
        throw wrong(value, fmt::format("\"{}\" cannot be the name of a database: {}", name,
                                       error.happened()));
      }
      const auto* source = fields.get("source");
      if (source == nullptr) throw wrong(value, fmt::format("[{}] needs a source", section));
      database.source = texts(*source, "source");
      if (const auto* keep = fields.get("keep")) database.keep = policy(*keep, section + ".keep");
      found.emplace_back(key.source().begin, std::move(database));
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
      return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
    });
    for (auto& [position, database] : found) configuration.databases.push_back(std::move(database));
  }

  const env::Path& file_;
  const Variables& variables_;
};

}  // namespace

Configuration parse_configuration(std::string_view text, const env::Path& file,
                                  const Variables& variables) {
  try {
    const toml::table root = toml::parse(text, file.string());
    return Reader(file, variables).read(root);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("{}, line {}, column {}: {}", file.string(), error.source().begin.line,
                            error.source().begin.column, error.description()));
  }
}

}  // namespace holdfast::service
