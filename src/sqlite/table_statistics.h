#ifndef HOLDFAST_SQLITE_TABLE_STATISTICS_H_
#define HOLDFAST_SQLITE_TABLE_STATISTICS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

struct TableStatistics {
  std::string name;
  std::optional<std::uint64_t> rows;  // empty where its b-tree is damaged
};

struct DatabaseStatistics {
  std::vector<TableStatistics> tables;  // ordinary, WITHOUT ROWID and shadow tables, by name
  std::uint64_t indexes = 0, views = 0, triggers = 0;
  std::vector<std::string> problems;  // damage met on the way, at most 20 sentences
};

// Counts rows by walking the interior pages of each b-tree within the source's current view; leaves
// are known from `facts` (facts[p - 1] for page p, of this very view), so that the cost is that of
// a few pages in a hundred. Damaged structure (wrong kind of page, a page out of range, met twice,
// the schema unreadable) becomes a problem, never an exception or an endless walk. In-memory cost:
// two bytes a page at most.
DatabaseStatistics gather_statistics(PageSource& source, const std::vector<PageFacts>& facts);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TABLE_STATISTICS_H_
