#include "postgres/write_rights.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "postgres/sql_text.h"

namespace holdfast::postgres {
namespace {

// Rights on single columns are rights, too.
constexpr const char* kMissingSql =
    "SELECT c.oid::regclass::text, concat_ws(', ',"
    " CASE WHEN NOT has_any_column_privilege(c.oid, 'SELECT') THEN 'SELECT' END,"
    " CASE WHEN NOT has_any_column_privilege(c.oid, 'INSERT') THEN 'INSERT' END,"
    " CASE WHEN NOT has_any_column_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,"
    " CASE WHEN $2 = 'own' AND NOT has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END),"
    " quote_ident(current_user) FROM pg_class c WHERE c.oid = to_regclass($1)";

constexpr const char* kPlaceSql =
    "SELECT current_setting('transaction_read_only') = 'on', current_schema() IS NOT NULL AND"
    " has_schema_privilege(current_schema(), 'CREATE'), quote_ident(current_user),"
    " coalesce(quote_ident(current_schema()), '?')";

Error missing_right(std::string_view user, std::string_view rights, std::string_view place) {
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("{} lacks the right to {} on {}", user, rights, place),
               "Nothing was changed.", fmt::format("GRANT {} ON {} TO {}", rights, place, user));
}

// False if there is no such table.
bool check_table(Connection& connection, const std::string& table, bool is_own) {
  const Value name = quoted_table(table), whose = std::string(is_own ? "own" : "theirs");
  const std::array<Bound, 2> values{Bound{.value = &name, .column = "table"},
                                    Bound{.value = &whose, .column = "whose"}};
  const Result found = connection.query(kMissingSql, values);
  if (found.rows() == 0) return false;
  if (found.text(0, 1).empty()) return true;
  throw missing_right(found.text(0, 2), found.text(0, 1), found.text(0, 0));
}

}  // namespace

void expect_writable(const Address& address, Timeouts timeouts, std::span<const std::string> tables,
                     std::span<const std::string> own) {
  Connection connection(address, timeouts);
  const Result place = connection.query(kPlaceSql);
  if (place.truth(0, 0)) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("{} takes no writes: it is a standby, or read-only", address.shown()));
  }
  for (const std::string& table : tables) check_table(connection, table, false);
  for (const std::string& table : own) {
    if (check_table(connection, table, true) || place.truth(0, 1)) continue;
    throw missing_right(place.text(0, 2), "CREATE", fmt::format("SCHEMA {}", place.text(0, 3)));
  }
}

}  // namespace holdfast::postgres
