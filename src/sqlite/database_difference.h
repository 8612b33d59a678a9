// Compares two databases: their schemas, and the rows of their tables.
#ifndef HOLDFAST_SQLITE_DATABASE_DIFFERENCE_H_
#define HOLDFAST_SQLITE_DATABASE_DIFFERENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "sqlite/page_difference.h"
#include "sqlite/page_source.h"
#include "sqlite/row_difference.h"
#include "sqlite/schema_difference.h"

namespace holdfast::sqlite {

// Is told everything in order: the schema, then table by table.
class DifferenceSink {
 public:
  virtual ~DifferenceSink() = default;
  virtual void schema(const SchemaDifference& difference) = 0;
  virtual void row(const ComparedTable& table, const RowDifference& difference) = 0;
  // After the rows of each table that is on either side.
  virtual void finished(const ComparedTable& table, const RowCounts& counts) = 0;
};

struct DifferenceOptions {
  std::vector<std::string> tables;  // only these, and what belongs to them; empty: all
  unsigned threads = 0;
  // Where it is known already which pages differ.
  const PageDifference* pages = nullptr;
};

struct DifferenceSummary {
  RowCounts rows;
  std::uint64_t schema = 0;  // objects and settings that differ
  std::uint64_t tables = 0;  // that were compared
  std::uint64_t skipped = 0;
  bool differs() const { return schema > 0 || rows.sum() > 0; }
};

// Both are views that stay as they are meanwhile. Where both databases have pages of one size, all
// pages are compared first, and rows are read through SQL only where the leaves of a table differ.
// Otherwise, and for a table whose definition differs or that has no rowid, all its rows are read.
// Virtual tables are compared by the tables that they keep their content in; SQLite's own tables
// are left out. Throws kDatabaseDamaged, kSqlite, and kNotFound for one of `tables` that neither
// has.
DifferenceSummary compare_databases(PageSource& before, PageSource& after,
                                    const DifferenceOptions& options, DifferenceSink& sink,
                                    Progress& progress);

// Whether no table must be read whole if the pages that differ are known: all those that are
// compared are on both sides, with the same definition.
bool is_told_by_pages(PageSource& before, PageSource& after,
                      const std::vector<std::string>& tables);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_DATABASE_DIFFERENCE_H_
