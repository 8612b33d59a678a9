#include "service/protection_toml.h"

#include <fmt/format.h>

namespace holdfast::service {
namespace {

using engine::Invariant;
using engine::OnViolation;

const toml::array& list_of(const TomlValues& values, const toml::node& node, std::string_view name,
                           std::string_view example) {
  const auto* list = node.as_array();
  if (list == nullptr) {
    throw values.wrong(node, fmt::format("\"{}\" must be a list, such as {}", name, example));
  }
  return *list;
}

OnViolation read_on_violation(const TomlValues& values, const toml::node& node) {
  const std::string said = values.text(node, "on_violation");
  if (said == "restore") return OnViolation::kRestore;
  if (said == "merge") return OnViolation::kMerge;
  if (said == "refuse") return OnViolation::kRefuse;
  if (said == "warn") return OnViolation::kWarn;
  throw values.wrong(node,
                     "\"on_violation\" must be \"restore\", \"merge\", \"refuse\" or \"warn\"");
}

std::string read_answer(const TomlValues& values, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  throw values.wrong(node, "\"equals\" must be a text or a number");
}

Invariant read_invariant(const TomlValues& values, const toml::node& node, std::size_t number) {
  const toml::table& fields = values.table(node, "invariants");
  values.expect_keys(fields, "invariants", {"name", "sql", "equals", "min", "max"});
  Invariant invariant{
      .name = fmt::format("invariant {}", number), .sql = {}, .equals = {}, .min = {}, .max = {}};
  if (const auto* name = fields.get("name")) invariant.name = values.text(*name, "name");
  const auto* sql = fields.get("sql");
  if (sql == nullptr) throw values.wrong(node, "an invariant needs \"sql\"");
  invariant.sql = values.text(*sql, "sql");
  if (const auto* equals = fields.get("equals")) invariant.equals = read_answer(values, *equals);
  if (const auto* least = fields.get("min")) invariant.min = values.number(*least, "min");
  if (const auto* most = fields.get("max")) invariant.max = values.number(*most, "max");
  if (!invariant.equals && !invariant.min && !invariant.max) {
    throw values.wrong(node, fmt::format("\"{}\" needs \"equals\", \"min\" or \"max\": otherwise "
                                         "every answer would do",
                                         invariant.name));
  }
  return invariant;
}

sqlite::Exclusion read_exclusion(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "exclusions");
  values.expect_keys(fields, "exclusions", {"table", "where"});
  const auto *table = fields.get("table"), *where = fields.get("where");
  if (table == nullptr || where == nullptr) {
    throw values.wrong(node, "an exclusion needs \"table\" and \"where\"");
  }
  return {.table = values.text(*table, "table"), .condition = values.text(*where, "where")};
}

std::vector<repository::TimelineStep> read_steps(const TomlValues& values, const toml::node& node) {
  constexpr std::string_view kExample = R"([["10m", "0s"], ["2h", "1s"]])";
  std::vector<repository::TimelineStep> steps;
  for (const toml::node& item : list_of(values, node, "keep", kExample)) {
    const toml::array& pair = list_of(values, item, "keep", kExample);
    if (pair.size() != 2) {
      throw values.wrong(item, fmt::format("\"keep\" has pairs of age and spacing: {}", kExample));
    }
    steps.push_back({.age = values.span(pair[0], "keep"), .spacing = values.span(pair[1], "keep")});
    if (steps.size() > 1 && steps.back().age <= steps[steps.size() - 2].age) {
      throw values.wrong(item, "the ages of \"keep\" must grow from pair to pair");
    }
  }
  if (steps.empty()) throw values.wrong(node, "\"keep\" is an empty list");
  return steps;
}

std::chrono::seconds at_least_a_second(const TomlValues& values, const toml::node& node,
                                       std::string_view name) {
  const auto span = values.span(node, name);
  if (span < std::chrono::seconds(1)) {
    throw values.wrong(node, fmt::format("\"{}\" must be at least \"1s\"", name));
  }
  return span;
}

}  // namespace

const std::vector<std::string>& protection_keys() {
  static const std::vector<std::string> keys = {"on_violation", "seed", "invariants", "exclusions"};
  return keys;
}

ProtectionSettings read_protection(const TomlValues& values, const toml::table& database) {
  ProtectionSettings settings;
  if (const auto* node = database.get("on_violation")) {
    settings.on_violation = read_on_violation(values, *node);
  }
  if (const auto* node = database.get("seed")) {
    settings.seed = values.path(values.text(*node, "seed"));
    if (settings.seed.extension() != ".sql" && settings.seed.extension() != ".json") {
      throw values.wrong(*node, "\"seed\" must name a file that ends in .sql or .json");
    }
  }
  if (const auto* node = database.get("invariants")) {
    constexpr std::string_view kExample =
        R"([{ name = "users", sql = "SELECT count(*) FROM users", min = 1 }])";
    for (const toml::node& item : list_of(values, *node, "invariants", kExample)) {
      settings.invariants.push_back(read_invariant(values, item, settings.invariants.size() + 1));
    }
  }
  if (const auto* node = database.get("exclusions")) {
    constexpr std::string_view kExample = R"([{ table = "users", where = "name = 'x'" }])";
    for (const toml::node& item : list_of(values, *node, "exclusions", kExample)) {
      settings.exclusions.push_back(read_exclusion(values, item));
    }
  }
  return settings;
}

ReplicationSettings read_replication(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "replication");
  values.expect_keys(fields, "replication",
                     {"close_interval", "lease_stale", "ship_interval", "backlog", "keep",
                      "adopt_every", "longest_end"});
  ReplicationSettings settings;
  if (const auto* said = fields.get("close_interval")) {
    settings.close_interval = at_least_a_second(values, *said, "close_interval");
  }
  if (const auto* said = fields.get("lease_stale")) {
    settings.lease_stale = at_least_a_second(values, *said, "lease_stale");
  }
  if (const auto* said = fields.get("ship_interval")) {
    settings.ship_interval = values.span(*said, "ship_interval");
  }
  if (const auto* said = fields.get("backlog")) {
    settings.backlog = values.path(values.text(*said, "backlog"));
  }
  if (const auto* said = fields.get("keep")) settings.keep.steps = read_steps(values, *said);
  if (const auto* said = fields.get("adopt_every")) {
    settings.adopt_every = values.span_or_off(*said, "adopt_every");
  }
  if (const auto* said = fields.get("longest_end")) {
    settings.longest_end = at_least_a_second(values, *said, "longest_end");
  }
  return settings;
}

}  // namespace holdfast::service
