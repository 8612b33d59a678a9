// What a table of PostgreSQL looks like: its facts, and what only statements of this engine ask.
#ifndef HOLDFAST_POSTGRES_TABLE_LOOK_H_
#define HOLDFAST_POSTGRES_TABLE_LOOK_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/value.h"
#include "postgres/connection.h"

namespace holdfast::postgres {

struct TableLook {
  TableFacts facts;
  std::set<std::string, std::less<>> collated;  // columns whose order is the locale's
  std::set<std::string, std::less<>> never_null;
  std::map<std::string, std::string, std::less<>> constraints;  // and the columns they are about
  std::string version;  // another one when the table was changed since: see tables_changed()
  bool has_row_versions = false;    // of its own: it is no view
  bool tells_row_versions = false;  // of rows that are written, to whoever writes them
};

// Of a table or view, by its name in the search path, or as schema.table. Empty if there is none.
std::optional<TableLook> look_at_table(Connection& connection, std::string_view name);

using TableLooks = std::map<std::string, std::optional<TableLook>, std::less<>>;  // by name
// Whether any of them would look otherwise now.
bool tables_changed(Connection& connection, const TableLooks& looks);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_TABLE_LOOK_H_
