// Rows of one table, read one after the other or by key, for a comparison.
#ifndef HOLDFAST_SQLITE_ROW_CURSOR_H_
#define HOLDFAST_SQLITE_ROW_CURSOR_H_

#include <cstddef>
#include <string>
#include <vector>

#include "base/value.h"
#include "sqlite/statement.h"
#include "sqlite/tree_difference.h"

struct sqlite3;

namespace holdfast::sqlite {

// A statement whose first column is the rowid (or NULL) and whose others are those of the
// comparison. By one thread, and not longer than its connection.
class RowCursor {
 public:
  RowCursor(sqlite3* connection, const std::string& sql) : statement_(connection, sql) {}

  void start(const RowidRange& range);  // of a statement with two parameters
  void start() { statement_.reset(); }
  // Looks for the row whose `columns` have the values that they have in `other`.
  bool find(const RowCursor& other, const std::vector<std::size_t>& columns);
  bool step() { return statement_.step(); }
  void finish() { statement_.reset(); }

  // Of the current row.
  std::int64_t rowid() const { return statement_.integer(0); }
  bool is_null(std::size_t column) const { return statement_.is_null(index(column)); }
  Value value(std::size_t column) const;
  // Of the same type and bytes.
  bool is_same(const RowCursor& other, std::size_t column) const;

 private:
  static int index(std::size_t column) { return static_cast<int>(column) + 1; }

  Statement statement_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_ROW_CURSOR_H_
