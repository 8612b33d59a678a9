#include "sqlite/table_statistics.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "sqlite/btree_walk.h"
#include "sqlite/schema_entries.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

// SQLite keeps about a kilobyte for each entry that it parses.
constexpr std::size_t kMostParsedEntries = 2000;

void check_schema(sqlite3* connection, std::vector<std::string>& problems) {
  try {
    Statement(connection, "SELECT 1 FROM sqlite_schema").step();
  } catch (const Error& error) {
    problems.push_back(fmt::format("the schema is not understood: {}", error.happened()));
  }
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
  auto& problems = statistics.problems;
  if (source.connection() == nullptr) {
    problems.emplace_back("the schema cannot be read: SQLite does not open the file");
    return statistics;
  }
  BtreeWalk walk(source, facts, problems);
  std::vector<PageNumber> leaves;
  walk.entries_below(1, "the schema", &leaves);
  const auto entries = read_schema_entries(source, leaves, problems);
  if (entries.size() <= kMostParsedEntries) check_schema(source.connection(), problems);
  for (const SchemaEntry& entry : entries) count_entry(entry, walk, statistics);
  walk.check_freelist();
  std::sort(statistics.tables.begin(), statistics.tables.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  problems.resize(std::min(problems.size(), BtreeWalk::kMostProblems));
  return statistics;
}

}  // namespace holdfast::sqlite
