// What the columns of a table are, by introspection.
#ifndef HOLDFAST_SQLITE_TABLE_FACTS_H_
#define HOLDFAST_SQLITE_TABLE_FACTS_H_

#include <optional>
#include <string_view>

#include "base/value.h"

struct sqlite3;

namespace holdfast::sqlite {

// By the affinity that SQLite derives from the declared type, and where that says more than an
// affinity (BOOLEAN, JSON), by that.
ColumnKind column_kind(std::string_view declared_type);

// Of a table or view of the main database; empty if there is none of this name, which is compared
// as SQLite does.
std::optional<TableFacts> table_facts(sqlite3* connection, std::string_view table);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TABLE_FACTS_H_
