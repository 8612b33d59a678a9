#include "postgres/sql_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::postgres {
namespace {

constexpr std::size_t kLongestName = 63;

std::string mark(Sql& sql, const Value& value, std::string_view column) {
  sql.values.push_back({.value = &value, .column = column});
  return fmt::format("${}", sql.values.size());
}

// A column where its order matters.
std::string ordered(const std::string& column, const TableLook* look) {
  const bool by_locale = look != nullptr && look->collated.contains(column);
  return quoted_name(column) + (by_locale ? " COLLATE \"C\"" : "");
}

std::string condition_text(Sql& sql, const RowCondition& condition, const TableLook* look) {
  using Is = RowCondition::Is;
  const std::string name = quoted_name(condition.column);
  // "IS NOT DISTINCT FROM" would use no index.
  if (is_null(condition.value) && condition.is == Is::kEqual) return name + " IS NULL";
  if (is_null(condition.value) && condition.is == Is::kUnequal) return name + " IS NOT NULL";
  const std::string value = mark(sql, condition.value, condition.column);
  switch (condition.is) {
    case Is::kEqual:
      return fmt::format("{} = {}", name, value);
    case Is::kUnequal:
      return fmt::format("{} IS DISTINCT FROM {}", name, value);
    case Is::kLess:
      return fmt::format("{} < {}", ordered(condition.column, look), value);
    case Is::kLessOrEqual:
      return fmt::format("{} <= {}", ordered(condition.column, look), value);
    case Is::kGreater:
      return fmt::format("{} > {}", ordered(condition.column, look), value);
    case Is::kGreaterOrEqual:
      return fmt::format("{} >= {}", ordered(condition.column, look), value);
    case Is::kContains:
      break;
  }
  // In the collation "C" only ASCII letters have another case.
  return fmt::format("strpos(lower({}::text COLLATE \"C\"), lower({}::text COLLATE \"C\")) > 0",
                     name, value);
}

void append_conditions(Sql& sql, const RowQuery& query, const TableLook* look) {
  std::string_view joint = " WHERE ";
  for (const RowCondition& condition : query.conditions) {
    const std::string text = condition_text(sql, condition, look);
    sql.text += fmt::format("{}{}", std::exchange(joint, " AND "), text);
  }
  if (!query.where.empty()) sql.text += fmt::format("{}({})", joint, query.where);
}

void append_key(Sql& sql, const RowKey& key) {
  std::string_view joint = " WHERE ";
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::string value = mark(sql, key.values[i], key.columns[i]);
    sql.text +=
        fmt::format("{}{} = {}", std::exchange(joint, " AND "), quoted_name(key.columns[i]), value);
  }
}

}  // namespace

std::string quoted_name(std::string_view name) {
  if (name.size() > kLongestName || name.find('\0') != std::string_view::npos) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("\"{}\" can be no name in PostgreSQL: it takes {} bytes and no NUL",
                            name.substr(0, 80), kLongestName));
  }
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

std::string quoted_table(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return quoted_name(name);
  return quoted_name(name.substr(0, dot)) + "." + quoted_name(name.substr(dot + 1));
}

std::string quoted_list(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", quoted_name(column));
  }
  return list;
}

Sql select_sql(const RowQuery& query, const TableLook* look, std::string_view more) {
  Sql sql{.text = fmt::format("SELECT {}{} FROM {}",
                              query.columns.empty() ? "1" : quoted_list(query.columns), more,
                              quoted_table(query.table)),
          .values = {}};
  append_conditions(sql, query, look);
  std::string_view joint = " ORDER BY ";
  for (const RowQuery::Order& order : query.order) {
    // An index has its NULLs at the other end, so they are mentioned only where there may be some.
    const bool may_be_null = look == nullptr || !look->never_null.contains(order.column);
    sql.text += fmt::format("{}{}{}{}", std::exchange(joint, ", "), ordered(order.column, look),
                            order.descending ? " DESC" : "",
                            !may_be_null       ? ""
                            : order.descending ? " NULLS LAST"
                                               : " NULLS FIRST");
  }
  if (query.limit) sql.text += fmt::format(" LIMIT {}", *query.limit);
  if (query.offset > 0) sql.text += fmt::format(" OFFSET {}", query.offset);
  return sql;
}

Sql count_sql(const RowQuery& query, const TableLook* look) {
  Sql sql{.text = fmt::format("SELECT count(*) FROM {}", quoted_table(query.table)), .values = {}};
  append_conditions(sql, query, look);
  return sql;
}

Sql update_sql(const std::string& table, const std::vector<std::string>& columns,
               std::span<const Value> values, const RowKey& key) {
  Sql sql{.text = fmt::format("UPDATE {} SET ", quoted_table(table)), .values = {}};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string value = mark(sql, values[i], columns[i]);
    sql.text += fmt::format("{}{} = {}", i == 0 ? "" : ", ", quoted_name(columns[i]), value);
  }
  append_key(sql, key);
  return sql;
}

Sql insert_sql(const std::string& table, const std::vector<std::string>& columns,
               std::span<const Value> values, const std::vector<std::string>& returned) {
  Sql sql{.text = fmt::format("INSERT INTO {} ", quoted_table(table)), .values = {}};
  if (columns.empty()) {
    sql.text += "DEFAULT VALUES";
  } else {
    std::string marks;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      marks += fmt::format("{}{}", i == 0 ? "" : ", ", mark(sql, values[i], columns[i]));
    }
    // A key that the record has is kept also where the database would number it.
    sql.text +=
        fmt::format("({}) OVERRIDING SYSTEM VALUE VALUES ({})", quoted_list(columns), marks);
  }
  sql.returns = !returned.empty();
  if (sql.returns) sql.text += " RETURNING " + quoted_list(returned);
  return sql;
}

Sql delete_sql(const std::string& table, const RowKey& key) {
  Sql sql{.text = fmt::format("DELETE FROM {}", quoted_table(table)), .values = {}};
  append_key(sql, key);
  return sql;
}

}  // namespace holdfast::postgres
