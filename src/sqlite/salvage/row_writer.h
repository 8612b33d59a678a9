// Puts salvaged rows into one table of the new database.
#ifndef HOLDFAST_SQLITE_SALVAGE_ROW_WRITER_H_
#define HOLDFAST_SQLITE_SALVAGE_ROW_WRITER_H_

#include <map>
#include <optional>
#include <string>

#include "sqlite/record.h"
#include "sqlite/salvage/row_reader.h"
#include "sqlite/salvage/stored_shape.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

// By one thread, and not longer than the connection.
class RowWriter {
 public:
  RowWriter(sqlite3* connection, StoredShape shape, TextEncoding encoding);

  // Why the table does not take the row, in which case nothing was written; empty if it does.
  // Columns that the row is too old to have get their defaults. Throws when the disk is full and
  // the like.
  std::optional<std::string> write(const StoredRow& row);
  const StoredShape& shape() const { return shape_; }

 private:
  Statement& inserting(std::size_t fields);

  sqlite3* connection_;
  StoredShape shape_;
  TextEncoding encoding_;
  std::map<std::size_t, Statement> inserting_;  // by the number of fields of the record
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_ROW_WRITER_H_
