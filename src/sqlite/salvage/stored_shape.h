// How the rows of a table stand in records.
#ifndef HOLDFAST_SQLITE_SALVAGE_STORED_SHAPE_H_
#define HOLDFAST_SQLITE_SALVAGE_STORED_SHAPE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/salvage/row_reader.h"

struct sqlite3;

namespace holdfast::sqlite {

struct StoredColumn {
  std::string name;
  bool is_text = false;  // by its affinity: no number ever stands in it
  bool not_null = false;
  bool has_default = false;
  bool is_generated = false;  // stored, but computed anew by whoever writes the row
};

struct StoredShape {
  std::string name;
  bool without_rowid = false;
  std::vector<StoredColumn> columns;        // in the order of the record
  std::optional<std::size_t> rowid_column;  // whose value is the rowid, and NULL in the record
  std::string rowid_name;                   // for SQL; empty where columns have all of its names
};

// Of a table that the connection has. Throws kSqlite.
StoredShape stored_shape(sqlite3* connection, const std::string& table);

// Whether the record can be of a row of this table. Rows that are older than the last columns of
// their table are shorter.
bool fits(const StoredRow& row, const StoredShape& shape);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_STORED_SHAPE_H_
