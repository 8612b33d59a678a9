#include "sqlite/table_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sqlite/statement.h"
#include "sqlite/table_shape.h"
#include "sqlite/value_binding.h"

namespace holdfast::sqlite {
namespace {

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

std::string upper(std::string_view text) {
  std::string answer(text);
  for (char& c : answer) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return answer;
}

}  // namespace

ColumnKind column_kind(std::string_view declared_type) {
  // https://www.sqlite.org/datatype3.html, "Determination of column affinity": in this order.
  const std::string type = upper(declared_type);
  if (contains(type, "INT")) return ColumnKind::kInteger;
  if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT")) {
    return ColumnKind::kText;
  }
  if (type == "JSON" || type == "JSONB") return ColumnKind::kJson;
  if (contains(type, "BLOB")) return ColumnKind::kBlob;
  if (type.empty() || type == "ANY") return ColumnKind::kAny;
  if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB")) {
    return ColumnKind::kReal;
  }
  return contains(type, "BOOL") ? ColumnKind::kBoolean : ColumnKind::kNumeric;
}

std::optional<TableFacts> table_facts(sqlite3* connection, std::string_view table) {
  TableFacts facts;
  Statement entry(connection,
                  "SELECT type, name, wr FROM pragma_table_list "
                  "WHERE schema = 'main' AND name = ? COLLATE NOCASE");
  const Value name = std::string(table);
  bind_value(entry, 1, name);
  if (!entry.step()) return std::nullopt;
  facts.table = entry.text(1);
  const bool without_rowid = entry.integer(2) != 0;

  Statement columns(connection,
                    fmt::format("PRAGMA main.table_xinfo({})", quoted_name(facts.table)));
  std::vector<std::pair<std::int64_t, std::string>> key;
  bool rowid_key = false;
  while (columns.step()) {
    if (columns.integer(6) != 0) continue;
    facts.columns.push_back({.name = columns.text(1),
                             .kind = column_kind(columns.text(2)),
                             .required = columns.integer(3) != 0 && columns.is_null(4),
                             .declared_type = columns.text(2)});
    if (columns.integer(5) > 0) {
      key.emplace_back(columns.integer(5), columns.text(1));
      rowid_key = same_name(columns.text(2), "INTEGER");
    }
  }
  facts.numbers_rows = rowid_key && key.size() == 1 && !without_rowid;
  std::ranges::sort(key);
  for (auto& [order, column] : key) facts.primary_key.push_back(std::move(column));

  Statement triggers(connection,
                     "SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger' AND "
                     "tbl_name = ? COLLATE NOCASE");
  bind_value(triggers, 1, name);
  facts.has_triggers = triggers.step() && triggers.integer(0) > 0;
  return facts;
}

}  // namespace holdfast::sqlite
