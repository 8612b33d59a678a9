// What a table looks like to somebody who copies its rows.
#ifndef HOLDFAST_SQLITE_TABLE_SHAPE_H_
#define HOLDFAST_SQLITE_TABLE_SHAPE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace holdfast::sqlite {

// Names are alike whatever the case of their ASCII letters.
struct NameOrder {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
bool same_name(std::string_view a, std::string_view b);

struct TableShape {
  enum class Kind { kTable, kShadow, kVirtual, kView };

  std::string name;
  Kind kind = Kind::kTable;
  bool without_rowid = false;
  std::vector<std::string> columns;  // that can be written: no generated or hidden ones
  std::vector<std::string> key;      // columns of the primary key, in its order

  bool has_column(std::string_view column) const;
  // What tells its rows apart, for SQL: the rowid, or the columns of the key, quoted.
  std::vector<std::string> identity() const;
};
// "a, b"; several are put in brackets where a row of them is compared: "(a, b)".
std::string quoted_list(const std::vector<std::string>& names);
std::string row_value(const std::vector<std::string>& quoted_names);

// Of one database of the connection ("main"); without SQLite's own tables.
using TableShapes = std::map<std::string, TableShape, NameOrder>;
TableShapes table_shapes(sqlite3* connection, std::string_view schema);

struct ForeignKey {
  std::string child, parent;
  std::vector<std::string> from, to;  // columns of child and parent, as many of each
  bool clears = false;                // ON DELETE SET NULL or SET DEFAULT
};
// Those whose columns and parent are there.
std::vector<ForeignKey> foreign_keys(sqlite3* connection, std::string_view schema,
                                     const TableShapes& tables);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TABLE_SHAPE_H_
