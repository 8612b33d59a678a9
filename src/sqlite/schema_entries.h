// The schema table, read from its pages: SQLite would parse every statement of it and keep the
// result, which for a hundred thousand tables takes longer, and more memory, than all the rest of a
// backup.
#ifndef HOLDFAST_SQLITE_SCHEMA_ENTRIES_H_
#define HOLDFAST_SQLITE_SCHEMA_ENTRIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sqlite/page_source.h"

namespace holdfast::sqlite {

struct SchemaEntry {
  std::string type, name;  // UTF-8, whatever the encoding of the database
  std::int64_t root = 0;   // 0 for views, triggers and virtual tables
};

// The entries in these leaves of the schema table. An entry that cannot be read is left out, and
// said in `problems`.
std::vector<SchemaEntry> read_schema_entries(PageSource& source,
                                             const std::vector<PageNumber>& leaves,
                                             std::vector<std::string>& problems);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SCHEMA_ENTRIES_H_
