#include "postgres/table_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "postgres/sql_text.h"
#include "postgres/types.h"

namespace holdfast::postgres {
namespace {

// Rows of the catalogue get another xmin with each change.
constexpr const char* kVersionSql =
    "(SELECT c.oid || coalesce((SELECT string_agg(a.attnum || ' ' || a.xmin, ',' ORDER BY a.attnum)"
    " FROM pg_attribute a WHERE a.attrelid = c.oid), '') || coalesce((SELECT string_agg("
    "t.oid || ' ' || t.xmin, ',' ORDER BY t.oid) FROM pg_trigger t WHERE t.tgrelid = c.oid AND"
    " NOT t.tgisinternal), '') || coalesce((SELECT string_agg(n.oid || ' ' || n.xmin, ',' ORDER BY"
    " n.oid) FROM pg_constraint n WHERE n.conrelid = c.oid), ''))";

constexpr const char* kTableSql =
    "SELECT c.oid::bigint, c.relkind, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND "
    "NOT t.tgisinternal), {}, c.relhasrules FROM pg_class c WHERE c.oid = to_regclass($1) AND "
    "c.relkind IN ('r', 'p', 'v', 'm', 'f')";

constexpr const char* kColumnsSql =
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod),"
    " (CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END)::bigint, a.attnotnull,"
    " a.atthasdef OR a.attidentity <> '', a.attcollation <> 0,"
    " coalesce((SELECT array_position(i.indkey::int2[], a.attnum) FROM pg_index i"
    "  WHERE i.indrelid = a.attrelid AND i.indisprimary), -1)"
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
    " WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped"
    " AND a.attgenerated = '' ORDER BY a.attnum";

constexpr const char* kConstraintsSql =
    "SELECT n.conname, string_agg(a.attname, ', ' ORDER BY array_position(n.conkey, a.attnum))"
    " FROM pg_constraint n JOIN pg_attribute a ON a.attrelid = n.conrelid"
    " AND a.attnum = ANY (n.conkey) WHERE n.conrelid = $1::bigint::oid GROUP BY n.conname";

}  // namespace

std::optional<TableLook> look_at_table(Connection& connection, std::string_view name) {
  const Value qualified = quoted_table(name);
  const std::array<Bound, 1> by_name{Bound{.value = &qualified, .column = "table"}};
  const Result table = connection.query(fmt::format(fmt::runtime(kTableSql), kVersionSql), by_name);
  if (table.rows() == 0) return std::nullopt;
  TableLook look;
  look.facts.table = name;
  look.facts.has_triggers = table.truth(0, 2);
  look.version = table.text(0, 3);
  look.has_row_versions = table.text(0, 1) == "r" || table.text(0, 1) == "p";
  look.tells_row_versions = table.text(0, 1) == "r" && !table.truth(0, 4);

  const Value number = table.number(0, 0);
  const std::array<Bound, 1> by_number{Bound{.value = &number, .column = "table"}};
  const Result columns = connection.query(kColumnsSql, by_number);
  std::vector<std::pair<std::int64_t, std::string>> key;
  bool key_has_default = false;
  for (std::size_t i = 0; i < columns.rows(); ++i) {
    const std::string column(columns.text(i, 0));
    const bool never_null = columns.truth(i, 3), has_default = columns.truth(i, 4);
    look.facts.columns.push_back({.name = column,
                                  .kind = kind_of_type(static_cast<unsigned>(columns.number(i, 2))),
                                  .required = never_null && !has_default,
                                  .declared_type = std::string(columns.text(i, 1))});
    if (never_null) look.never_null.insert(column);
    if (columns.truth(i, 5)) look.collated.insert(column);
    if (const auto position = columns.number(i, 6); position >= 0) {
      key.emplace_back(position, column);
      key_has_default = has_default;
    }
  }
  look.facts.numbers_rows = key.size() == 1 && key_has_default;
  std::ranges::sort(key);
  for (auto& [position, column] : key) look.facts.primary_key.push_back(std::move(column));

  const Result constraints = connection.query(kConstraintsSql, by_number);
  for (std::size_t i = 0; i < constraints.rows(); ++i) {
    look.constraints.emplace(constraints.text(i, 0), constraints.text(i, 1));
  }
  return look;
}

bool tables_changed(Connection& connection, const TableLooks& looks) {
  if (looks.empty()) return false;
  std::vector<Value> names;
  for (const auto& [name, ignored] : looks) names.emplace_back(quoted_table(name));
  std::vector<Bound> values;
  std::string list;
  for (const Value& name : names) {
    values.push_back({.value = &name, .column = "table"});
    list += fmt::format("{}({}, to_regclass(${}))", list.empty() ? "" : ", ", values.size(),
                        values.size());
  }
  const Result versions = connection.query(
      fmt::format("WITH known (n, r) AS (VALUES {}) SELECT {} FROM known LEFT JOIN pg_class c ON "
                  "c.oid = r ORDER BY n",
                  list, kVersionSql),
      values);
  std::size_t row = 0;
  for (const auto& [name, look] : looks) {
    if (versions.text(row++, 0) != (look ? look->version : "")) return true;
  }
  return false;
}

}  // namespace holdfast::postgres
