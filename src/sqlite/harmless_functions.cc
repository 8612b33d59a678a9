#include "sqlite/harmless_functions.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "sqlite/statement.h"

namespace holdfast::sqlite {

HarmlessFunctions::HarmlessFunctions(sqlite3* connection) {
  Statement functions(connection, fmt::format("SELECT name FROM pragma_function_list GROUP BY name "
                                              "HAVING min(flags & {}) > 0",
                                              SQLITE_INNOCUOUS));
  while (functions.step()) innocuous_.insert(functions.text(0));
}

bool HarmlessFunctions::contains(std::string_view function) const {
  return innocuous_.contains(function) || function.starts_with("json") || function == "->" ||
         function == "->>";
}

}  // namespace holdfast::sqlite
