// Which SQL functions the schema of a stranger may call, in checks, computed columns and indexes.
#ifndef HOLDFAST_SQLITE_HARMLESS_FUNCTIONS_H_
#define HOLDFAST_SQLITE_HARMLESS_FUNCTIONS_H_

#include <set>
#include <string>
#include <string_view>

struct sqlite3;

namespace holdfast::sqlite {

// Those that SQLite itself calls innocuous, and those for JSON, which it has so called since 3.41
// only: with SQLITE_DBCONFIG_TRUSTED_SCHEMA off an older one refuses a table with a check
// (json_valid(x)). For authorizers, which see each function when a statement is prepared.
class HarmlessFunctions {
 public:
  explicit HarmlessFunctions(sqlite3* connection);
  bool contains(std::string_view function) const;

 private:
  std::set<std::string, std::less<>> innocuous_;  // in each of their forms
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_HARMLESS_FUNCTIONS_H_
