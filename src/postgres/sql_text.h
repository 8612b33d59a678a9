// SQL as PostgreSQL reads it. Values are never part of it, names always quoted.
#ifndef HOLDFAST_POSTGRES_SQL_TEXT_H_
#define HOLDFAST_POSTGRES_SQL_TEXT_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_session.h"
#include "postgres/connection.h"
#include "postgres/table_look.h"

namespace holdfast::postgres {

// Throws kConfiguration for a name that PostgreSQL would cut short, or that has a NUL in it.
std::string quoted_name(std::string_view name);
// "schema.table", or a table in the search path.
std::string quoted_table(std::string_view name);
std::string quoted_list(const std::vector<std::string>& columns);

struct Sql {
  std::string text;
  std::vector<Bound> values;  // of $1, $2 …; they lie in what the text was made of
  bool returns = false;       // columns of the rows that it writes
};
// Text is compared and sorted by its bytes and NULL comes first, whatever the locale of the
// database: as SQLite does it. `look` is the table's; without one, nothing but equality is asked
// for. `more` are columns besides those of the query.
Sql select_sql(const RowQuery& query, const TableLook* look, std::string_view more = {});
Sql count_sql(const RowQuery& query, const TableLook* look);
Sql update_sql(const std::string& table, const std::vector<std::string>& columns,
               std::span<const Value> values, const RowKey& key);
Sql insert_sql(const std::string& table, const std::vector<std::string>& columns,
               std::span<const Value> values, const std::vector<std::string>& returned);
Sql delete_sql(const std::string& table, const RowKey& key);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_SQL_TEXT_H_
