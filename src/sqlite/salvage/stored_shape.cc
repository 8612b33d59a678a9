#include "sqlite/salvage/stored_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "sqlite/statement.h"
#include "sqlite/table_shape.h"

namespace holdfast::sqlite {
namespace {

// https://sqlite.org/datatype3.html, section 3.1
bool is_text_type(std::string type) {
  std::ranges::transform(type, type.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto has = [&](std::string_view part) { return type.find(part) != std::string::npos; };
  return !has("INT") && (has("CHAR") || has("CLOB") || has("TEXT"));
}

// The order in which the columns of a WITHOUT ROWID table are stored: its key comes first.
std::vector<std::int64_t> order_of_key(sqlite3* connection, const std::string& index) {
  std::vector<std::int64_t> order;
  Statement columns(connection, fmt::format("PRAGMA main.index_xinfo({})", quoted_name(index)));
  while (columns.step()) order.push_back(columns.integer(1));
  return order;
}

std::string primary_index(sqlite3* connection, const std::string& table) {
  Statement list(connection, fmt::format("PRAGMA main.index_list({})", quoted_name(table)));
  while (list.step()) {
    if (list.text(3) == "pk") return list.text(1);
  }
  return {};
}

bool is_without_rowid(sqlite3* connection, const std::string& table) {
  Statement list(connection, fmt::format("PRAGMA main.table_list({})", quoted_name(table)));
  while (list.step()) {
    if (list.text(0) == "main") return list.integer(4) != 0;
  }
  return false;
}

}  // namespace

StoredShape stored_shape(sqlite3* connection, const std::string& table) {
  constexpr std::int64_t kVirtual = 2, kStored = 3;
  StoredShape shape{.name = table,
                    .without_rowid = is_without_rowid(connection, table),
                    .columns = {},
                    .rowid_column = {},
                    .rowid_name = {}};
  const std::string index = primary_index(connection, table);
  std::map<std::int64_t, std::size_t> place;  // in the record, by the column's number
  std::optional<std::size_t> key;
  std::size_t keys = 0;
  std::vector<std::string> names;
  Statement columns(connection, fmt::format("PRAGMA main.table_xinfo({})", quoted_name(table)));
  while (columns.step()) {
    names.push_back(columns.text(1));
    if (columns.integer(6) == kVirtual) continue;
    if (columns.integer(5) != 0) {
      ++keys;
      if (same_name(columns.text(2), "INTEGER")) key = shape.columns.size();
    }
    place[columns.integer(0)] = shape.columns.size();
    shape.columns.push_back({.name = columns.text(1),
                             .is_text = is_text_type(columns.text(2)),
                             .not_null = columns.integer(3) != 0,
                             .has_default = !columns.is_null(4),
                             .is_generated = columns.integer(6) == kStored});
  }
  if (shape.without_rowid) {
    std::vector<StoredColumn> ordered;
    for (const std::int64_t number : order_of_key(connection, index)) {
      if (const auto found = place.find(number); found != place.end()) {
        ordered.push_back(shape.columns[found->second]);
      }
    }
    shape.columns = std::move(ordered);
    return shape;
  }
  if (keys == 1 && key && index.empty()) {
    shape.rowid_column = key;
    shape.rowid_name = quoted_name(shape.columns[*key].name);
    return shape;
  }
  for (const char* word : {"rowid", "_rowid_", "oid"}) {
    if (std::ranges::none_of(names, [&](const auto& name) { return same_name(name, word); })) {
      shape.rowid_name = word;
      break;
    }
  }
  return shape;
}

bool fits(const StoredRow& row, const StoredShape& shape) {
  using Kind = StoredValue::Kind;
  if (row.rowid.has_value() == shape.without_rowid) return false;
  if (row.values.size() > shape.columns.size()) return false;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const StoredColumn& column = shape.columns[i];
    if (i >= row.values.size()) {
      if (!row.is_whole()) return true;
      if (column.not_null && !column.has_default) return false;
      continue;
    }
    const Kind kind = row.values[i].kind;
    if (i == shape.rowid_column) {
      if (kind != Kind::kNull) return false;
      continue;
    }
    if (column.not_null && kind == Kind::kNull) return false;
    if (column.is_text && (kind == Kind::kInteger || kind == Kind::kReal)) return false;
  }
  return true;
}

}  // namespace holdfast::sqlite
