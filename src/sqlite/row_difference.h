// Compares the rows of one table in two databases, streaming: a row of each is in memory.
#ifndef HOLDFAST_SQLITE_ROW_DIFFERENCE_H_
#define HOLDFAST_SQLITE_ROW_DIFFERENCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/value.h"
#include "sqlite/table_shape.h"
#include "sqlite/tree_difference.h"

struct sqlite3;

namespace holdfast::sqlite {

// How the rows of a table are compared. Columns are matched by name.
struct ComparedTable {
  std::string name;
  std::vector<std::string> key;      // its columns; {"rowid"} for a table without a primary key
  std::vector<std::string> columns;  // that both have; all of them where one has no such table
  std::vector<std::string> only_before, only_after;
  std::string skipped;    // why the rows are not compared; empty if they are
  bool by_rowid = false;  // the rowid alone tells rows apart
};

enum class RowChange { kInserted, kChanged, kDeleted };

struct RowDifference {
  RowChange change = RowChange::kChanged;
  std::vector<Value> key;            // as ComparedTable::key
  std::vector<Value> before, after;  // as its columns; empty where there is no such row
  std::vector<std::size_t> changed;  // columns that differ; of kChanged
};

struct RowCounts {
  std::uint64_t inserted = 0, changed = 0, deleted = 0;
  std::uint64_t sum() const { return inserted + changed + deleted; }
  bool operator==(const RowCounts&) const = default;
};

// One side of it. `shape` is null where the database has no such table.
struct TableSide {
  sqlite3* connection = nullptr;
  const TableShape* shape = nullptr;
};

// Rows are the same row if their keys are: of the same type and bytes in each column. Without a
// primary key, and where a column of the key is NULL, rowids tell rows apart. Values are the same
// if type and bytes are, reals bit by bit.
//
// By one thread. What the connections read must not change while this lives.
class RowComparison {
 public:
  using Visit = std::function<void(const RowDifference&)>;

  // At least one side has the table. `visit` may throw, and so may `tick`, which is called now and
  // then, also while nothing differs.
  RowComparison(const TableSide& before, const TableSide& after, Visit visit,
                std::function<void()> tick = {});
  ~RowComparison();
  RowComparison(const RowComparison&) = delete;
  RowComparison& operator=(const RowComparison&) = delete;

  const ComparedTable& table() const;
  // Whether both are read in the order of their rowids, so that compare() takes ranges.
  bool has_ranges() const;
  // Each row at most once; nothing where rows are skipped. A row whose key is elsewhere in the
  // other table is found there. Throws what SQLite's errors mean.
  void compare(const RowidRange& range = {});
  const RowCounts& counts() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_ROW_DIFFERENCE_H_
