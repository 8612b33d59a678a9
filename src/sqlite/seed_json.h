#ifndef HOLDFAST_SQLITE_SEED_JSON_H_
#define HOLDFAST_SQLITE_SEED_JSON_H_

#include <string>
#include <string_view>

struct sqlite3;

namespace holdfast::sqlite {

// Makes and fills the tables of a JSON seed; see seed.h. `name` is the seed's, for errors. Throws
// kConfiguration, kSqlite.
void fill_from_json(sqlite3* connection, std::string_view json, const std::string& name);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SEED_JSON_H_
