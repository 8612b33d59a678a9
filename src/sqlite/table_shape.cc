#include "sqlite/table_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

TableShape::Kind kind_of(std::string_view type) {
  if (type == "virtual") return TableShape::Kind::kVirtual;
  if (type == "shadow") return TableShape::Kind::kShadow;
  return type == "view" ? TableShape::Kind::kView : TableShape::Kind::kTable;
}

void read_columns(sqlite3* connection, std::string_view schema, TableShape& table) {
  Statement columns(connection, fmt::format("PRAGMA {}.table_xinfo({})", quoted_name(schema),
                                            quoted_name(table.name)));
  std::vector<std::pair<std::int64_t, std::string>> key;
  while (columns.step()) {
    if (columns.integer(6) != 0) continue;
    table.columns.push_back(columns.text(1));
    if (columns.integer(5) > 0) key.emplace_back(columns.integer(5), columns.text(1));
  }
  std::ranges::sort(key);
  for (auto& [order, column] : key) table.key.push_back(std::move(column));
}

bool is_usable(const ForeignKey& key, const TableShapes& tables) {
  const auto child = tables.find(key.child), parent = tables.find(key.parent);
  if (child == tables.end() || parent == tables.end()) return false;
  return key.from.size() == key.to.size() && !key.from.empty() &&
         std::ranges::all_of(key.from,
                             [&](const auto& name) { return child->second.has_column(name); }) &&
         std::ranges::all_of(key.to,
                             [&](const auto& name) { return parent->second.has_column(name); });
}

}  // namespace

bool NameOrder::operator()(std::string_view a, std::string_view b) const {
  return std::ranges::lexicographical_compare(a, b, {}, lower, lower);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool TableShape::has_column(std::string_view column) const {
  return std::ranges::any_of(columns, [&](const auto& known) { return same_name(known, column); });
}

std::vector<std::string> TableShape::identity() const {
  std::vector<std::string> names;
  if (without_rowid) {
    for (const std::string& column : key) names.push_back(quoted_name(column));
    return names;
  }
  for (const char* word : {"rowid", "_rowid_", "oid"}) {
    if (!has_column(word)) return {word};
  }
  return {};
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quoted_name(name);
  return list;
}

std::string row_value(const std::vector<std::string>& quoted_names) {
  return fmt::format("({})", fmt::join(quoted_names, ", "));
}

TableShapes table_shapes(sqlite3* connection, std::string_view schema) {
  TableShapes tables;
  Statement names(connection, fmt::format("PRAGMA {}.table_list", quoted_name(schema)));
  while (names.step()) {
    TableShape table;
    table.name = names.text(1);
    if (names.text(0) != schema || table.name.starts_with("sqlite_")) continue;
    table.kind = kind_of(names.text(2));
    table.without_rowid = names.integer(4) != 0;
    tables.emplace(table.name, std::move(table));
  }
  for (auto& [name, table] : tables) {
    if (table.kind == TableShape::Kind::kTable || table.kind == TableShape::Kind::kShadow) {
      read_columns(connection, schema, table);
    }
  }
  return tables;
}

std::vector<ForeignKey> foreign_keys(sqlite3* connection, std::string_view schema,
                                     const TableShapes& tables) {
  std::vector<ForeignKey> found;
  for (const auto& [name, table] : tables) {
    if (table.kind != TableShape::Kind::kTable) continue;
    std::map<std::int64_t, ForeignKey> keys;
    Statement list(connection, fmt::format("PRAGMA {}.foreign_key_list({})", quoted_name(schema),
                                           quoted_name(name)));
    while (list.step()) {
      ForeignKey& key = keys[list.integer(0)];
      key.child = name;
      key.parent = list.text(2);
      key.clears = list.text(6).starts_with("SET ");
      key.from.push_back(list.text(3));
      if (!list.is_null(4)) key.to.push_back(list.text(4));
    }
    for (auto& [id, key] : keys) {
      const auto parent = tables.find(key.parent);
      if (key.to.empty() && parent != tables.end()) key.to = parent->second.key;
      if (is_usable(key, tables)) found.push_back(std::move(key));
    }
  }
  return found;
}

}  // namespace holdfast::sqlite
