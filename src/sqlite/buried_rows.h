// Rows that were deleted for good, as a merge of older rows must know them.
#ifndef HOLDFAST_SQLITE_BURIED_ROWS_H_
#define HOLDFAST_SQLITE_BURIED_ROWS_H_

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_session.h"
#include "sqlite/statement.h"
#include "sqlite/table_shape.h"
#include "sqlite/write_transaction.h"

namespace holdfast::sqlite {

// How deletes are remembered: a row each in a table of Holdfast's own, which is in the database, or
// in "<database>.holdfast" beside it.
struct Tombstones {
  struct Deleted {
    std::string table;
    RowKey key;  // without columns: nobody can tell which row of the table it was
  };

  std::string table;                 // of the tombstones; empty: none are looked for
  std::vector<std::string> columns;  // of it, in the order in which `read` wants their values
  std::function<Deleted(const Row&)> read;
  // Rows that go with a deleted one although no foreign key says so: by these columns of it, or by
  // its key if there are none.
  std::vector<ForeignKey> belongings;
};

// Looks into the target, beside it and into the history. A tombstone that only the history has does
// not count if the target has the row: somebody has allowed it again. Lives no longer than the
// transaction, whose temporary tables it uses, and the tables. Throws kSqlite … also where what is
// beside the target cannot be read: it may say what must not come back.
class BuriedRows {
 public:
  BuriedRows(const WriteTransaction& transaction, const Tombstones& tombstones,
             const TableShapes& history, const TableShapes& present,
             std::chrono::milliseconds busy_timeout);

  // SQL that is true for the rows of history.<table> that stay where they are. Empty: none of it.
  std::string condition(const TableShape& table) const;
  // Why it cannot be told which rows of the table they are; empty if it can.
  std::string obstacle(const TableShape& table) const;

 private:
  // Tombstones of one table that name the same columns.
  struct Group {
    std::string table;
    std::vector<std::string> columns;
    std::string list;  // the temporary table with their keys, in columns part_0, part_1 …
    Statement insert;
  };

  bool is_kept_in(const TableShapes& tables) const;
  void read(sqlite3* connection, std::string_view schema, bool of_history);
  Group& group_of(const Tombstones::Deleted& deleted);
  bool is_present(const Group& group, const Row& key) const;
  void revoke(const Group& group, const Row& key, const Row& tombstone) const;
  std::string keys_of(const Group& group, const std::vector<std::string>& columns) const;
  std::string has_key_of(const Group& group, const std::string& table) const;
  std::string belongs_to(const Group& group, const ForeignKey& belonging) const;

  const WriteTransaction& transaction_;
  const Tombstones& tombstones_;
  const TableShapes &history_, &present_;
  std::vector<Group> groups_;
  std::vector<std::string> unreadable_;  // tables
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_BURIED_ROWS_H_
