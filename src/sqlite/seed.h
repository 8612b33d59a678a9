// New databases: from a seed, or empty.
#ifndef HOLDFAST_SQLITE_SEED_H_
#define HOLDFAST_SQLITE_SEED_H_

#include <filesystem>
#include <span>

#include "sqlite/row_merge.h"

namespace holdfast::sqlite {

// Fills a database that does not exist yet from a seed: SQL (*.sql), or JSON (*.json): one object
// {"table": [{"column": value, …}, …], …} whose tables are made with the columns of the first row;
// a column "id" becomes the primary key, and arrays and objects become JSON text. Written beside
// `path` and renamed: there is a whole database or none. Missing parent directories are made.
// Throws kAlreadyExists if something with content is at `path` (a database without tables has
// none), kConfiguration for a seed that cannot be read, kSqlite. Exclusions are applied. A log or
// journal without its database is moved aside.
void create_from_seed(const std::filesystem::path& path, const std::filesystem::path& seed,
                      std::span<const Exclusion> exclusions);

// An empty database in WAL mode, its missing parent directories too. Throws as above.
void create_empty(const std::filesystem::path& path);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SEED_H_
