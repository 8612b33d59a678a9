#include "cli/snapshot_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/size.h"
#include "cli/table.h"
#include "cli/wording.h"

namespace holdfast::cli {
namespace {

using repository::DatabaseState;
using repository::Snapshot;
using repository::TableCount;

constexpr std::size_t kTablesShown = 20;

std::uint64_t bytes_of(const Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (const DatabaseState& state : snapshot.databases) sum += state.bytes();
  return sum;
}

std::uint64_t stored_bytes_of(const Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (const DatabaseState& state : snapshot.databases) sum += state.bytes_stored;
  return sum;
}

// Largest first, unless all are shown: then by name, to be found.
std::string tables_text(const DatabaseState& state, bool every_table) {
  std::vector<const TableCount*> tables;
  tables.reserve(state.tables.size());
  for (const TableCount& table : state.tables) tables.push_back(&table);
  if (!every_table && tables.size() > kTablesShown) {
    std::ranges::stable_sort(tables, std::ranges::greater{},
                             [](const TableCount* table) { return table->rows.value_or(0); });
    tables.resize(kTablesShown);
  }
  Table table({{"  Table"}, {"Rows", Align::kRight}});
  for (const TableCount* one : tables) {
    table.add({"  " + one->name, one->rows ? with_separators(*one->rows) : "?"});
  }
  std::string text = table.empty() ? "" : table.text();
  if (tables.size() < state.tables.size()) {
    text +=
        fmt::format("  and {} smaller; --verbose shows all\n", state.tables.size() - tables.size());
  }
  return text;
}

std::string database_text(const DatabaseState& state, bool every_table) {
  std::string text = fmt::format("\n{}\n", state.name);
  const auto add = [&](std::string_view what, const std::string& value) {
    text += fmt::format("  {:<10}{}\n", what, printable(value));
  };
  add("source", state.source);
  if (!state.damage.empty()) add("DAMAGED", state.damage);
  add("size", fmt::format("{} ({} of {} bytes, {})", format_size(state.bytes()),
                          counted(state.page_count, "page"), with_separators(state.page_size),
                          state.journal_mode));
  add("added", fmt::format("{} for {}", format_size(state.bytes_stored),
                           counted(state.pages_changed, "changed page")));
  std::uint64_t rows = 0;
  for (const TableCount& table : state.tables) rows += table.rows.value_or(0);
  add("holds",
      fmt::format("{}{}, {}, {}, {}", counted(state.tables.size(), "table"),
                  state.tables_counted ? fmt::format(" with {}", counted(rows, "row")) : "",
                  state.indexes == 1 ? "1 index"
                                     : fmt::format("{} indexes", with_separators(state.indexes)),
                  counted(state.views, "view"), counted(state.triggers, "trigger")));
  add("checksum", state.checksum);
  return text + tables_text(state, every_table);
}

}  // namespace

std::string database_names(const Snapshot& snapshot) {
  std::vector<std::string> names;
  names.reserve(snapshot.databases.size());
  for (const DatabaseState& state : snapshot.databases) {
    names.push_back(state.damage.empty() ? state.name : state.name + " (damaged)");
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string snapshot_table(std::span<const NumberedSnapshot> snapshots, bool verbose, bool bold) {
  Table table({{"#", Align::kRight},
               {"ID"},
               {"Time"},
               {"Databases"},
               {"Size", Align::kRight},
               {"Added", Align::kRight},
               {"Tags"},
               {"Name"},
               {verbose ? "Host" : ""}});
  for (const auto& [number, snapshot] : snapshots) {
    table.add({fmt::format("{}", number), verbose ? snapshot->id.hex() : snapshot->id.short_hex(),
               format_local(snapshot->time), database_names(*snapshot),
               format_size(bytes_of(*snapshot)), format_size(stored_bytes_of(*snapshot)),
               fmt::format("{}", fmt::join(snapshot->tags, ", ")), snapshot->name,
               verbose ? snapshot->host : ""});
  }
  return table.empty() ? "" : table.text(bold);
}

std::string snapshot_details(const Snapshot& snapshot, bool every_table) {
  std::string text;
  const auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<12}{}\n", what, printable(value));
  };
  add("Snapshot", snapshot.id.hex());
  add("name", snapshot.name);
  add("time",
      fmt::format("{} (took {})", format_local(snapshot.time), format_seconds(snapshot.seconds)));
  add("tags", fmt::format("{}", fmt::join(snapshot.tags, ", ")));
  add("by", fmt::format("{}@{}, holdfast {}", snapshot.user, snapshot.host, snapshot.version));
  add("command", snapshot.command);
  add("databases", database_names(snapshot));
  add("size", fmt::format("{}, {} added to the repository", format_size(bytes_of(snapshot)),
                          format_size(stored_bytes_of(snapshot))));
  for (const DatabaseState& state : snapshot.databases) text += database_text(state, every_table);
  return text;
}

std::string forget_table(const service::ForgetPlan& plan, bool bold) {
  Table table({{""}, {"ID"}, {"Time"}, {"Databases"}, {"Tags"}, {"Name"}, {"Because"}});
  for (const service::ForgetDecision& decision : plan.decisions) {
    const Snapshot& snapshot = decision.snapshot;
    table.add({decision.keep ? "keep" : "forget", snapshot.id.short_hex(),
               format_local(snapshot.time), database_names(snapshot),
               fmt::format("{}", fmt::join(snapshot.tags, ", ")), snapshot.name,
               decision.keep ? fmt::format("{}", fmt::join(decision.reasons, ", ")) : ""});
  }
  return table.empty() ? "" : table.text(bold);
}

}  // namespace holdfast::cli
