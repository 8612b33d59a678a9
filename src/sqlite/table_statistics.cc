#include "sqlite/table_statistics.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "sqlite/btree_walk.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

struct SchemaEntry {
  std::string type, name;
  std::int64_t root = 0;  // 0 for views, triggers and virtual tables
};

std::vector<SchemaEntry> read_entries(sqlite3* connection) {
  std::vector<SchemaEntry> entries;
  Statement select(connection, "SELECT type, name, rootpage FROM sqlite_schema");
  while (select.step()) {
    entries.push_back({.type = select.text(0), .name = select.text(1), .root = select.integer(2)});
  }
  return entries;
}

std::vector<SchemaEntry> read_schema(sqlite3* connection, std::vector<std::string>& problems) {
  if (connection == nullptr) {
    problems.emplace_back("the schema cannot be read: SQLite does not open the file");
    return {};
  }
  try {
    return read_entries(connection);
  } catch (const Error& error) {
    problems.push_back(fmt::format("the schema cannot be read whole: {}", error.happened()));
  }
  // With this setting SQLite passes over the entries that it does not understand.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, nullptr);
  std::vector<SchemaEntry> entries;
  try {
    entries = read_entries(connection);
  } catch (const Error&) {
    entries.clear();
  }
  sqlite3_db_config(connection, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, nullptr);
  return entries;
}

void count_entry(const SchemaEntry& entry, BtreeWalk& walk, DatabaseStatistics& statistics) {
  const std::string owner = fmt::format("{} {}", entry.type, entry.name);
  if (entry.type == "table" && entry.root != 0) {
    statistics.tables.push_back(
        {.name = entry.name, .rows = walk.entries_below(entry.root, owner)});
  } else if (entry.type == "index") {
    ++statistics.indexes;
    if (entry.root != 0) walk.entries_below(entry.root, owner);
  } else if (entry.type == "view") {
    ++statistics.views;
  } else if (entry.type == "trigger") {
    ++statistics.triggers;
  }
}

}  // namespace

DatabaseStatistics gather_statistics(PageSource& source, const std::vector<PageFacts>& facts) {
  DatabaseStatistics statistics;
  const auto entries = read_schema(source.connection(), statistics.problems);
  if (source.connection() == nullptr) return statistics;
  BtreeWalk walk(source, facts, statistics.problems);
  walk.entries_below(1, "the schema");
  for (const SchemaEntry& entry : entries) count_entry(entry, walk, statistics);
  walk.check_freelist();
  std::sort(statistics.tables.begin(), statistics.tables.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return statistics;
}

}  // namespace holdfast::sqlite
