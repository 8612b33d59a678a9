// The table for rows that cannot be put where they belong.
#ifndef HOLDFAST_SQLITE_SALVAGE_LOST_AND_FOUND_H_
#define HOLDFAST_SQLITE_SALVAGE_LOST_AND_FOUND_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sqlite/record.h"
#include "sqlite/salvage/row_reader.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

// Binds `value` to the parameter, from 1; the bytes must live until the statement has run.
void bind_stored(sqlite3_stmt* statement, int parameter, const StoredValue& value,
                 TextEncoding encoding);

// (table_name, reason, root, page, row_id, fields, c0, c1, …): made with the first row, and wider
// as rows need it. By one thread, and not longer than the connection.
class LostAndFound {
 public:
  // `name` is a table that does not exist yet.
  LostAndFound(sqlite3* connection, std::string name, TextEncoding encoding);

  // `table` is empty where it is not known. `root` is the top of the tree that the row was in.
  void add(const StoredRow& row, PageNumber root, std::string_view table, std::string_view reason);

  const std::string& name() const { return name_; }
  std::uint64_t rows() const { return rows_; }

 private:
  void widen(std::size_t columns);
  Statement& inserting(std::size_t columns);

  sqlite3* connection_;
  std::string name_;
  TextEncoding encoding_;
  std::size_t columns_ = 0;
  std::uint64_t rows_ = 0;
  bool made_ = false;
  std::map<std::size_t, Statement> inserting_;  // by the number of values
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_LOST_AND_FOUND_H_
