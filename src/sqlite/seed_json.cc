#include "sqlite/seed_json.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "sqlite/statement.h"
#include "sqlite/table_shape.h"

namespace holdfast::sqlite {
namespace {

using Json = nlohmann::ordered_json;  // columns in the order of the file

Error bad_seed(const std::string& name, const std::string& why) {
  return Error(ErrorCode::kConfiguration, fmt::format("the seed {}: {}", name, why));
}

std::string column_definition(const std::string& column, const Json& value) {
  const std::string quoted = quoted_name(column);
  if (same_name(column, "id")) {
    return quoted + (value.is_number_integer() ? " INTEGER PRIMARY KEY" : " PRIMARY KEY");
  }
  if (value.is_boolean() || value.is_number_integer()) return quoted + " INTEGER";
  if (value.is_number()) return quoted + " REAL";
  return value.is_null() ? quoted : quoted + " TEXT";
}

std::string literal(const Json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number()) return value.dump();
  return quoted_text(value.is_string() ? value.get<std::string>() : value.dump());
}

std::vector<std::string> columns_of(const Json& row) {
  std::vector<std::string> columns;
  for (const auto& [column, value] : row.items()) columns.push_back(column);
  return columns;
}

void run(sqlite3* connection, const std::string& sql) { Statement(connection, sql).step(); }

void fill_table(sqlite3* connection, const std::string& table, const Json& rows,
                const std::string& name) {
  const auto refuse = [&](const char* why) {
    return bad_seed(name, fmt::format("table \"{}\": {}", table, why));
  };
  if (!rows.is_array() || rows.empty()) throw refuse("an array of at least one row is expected");
  TableShape shape;
  for (const Json& row : rows) {
    if (!row.is_object() || row.empty()) throw refuse("each row must be an object with columns");
    if (shape.columns.empty()) {
      shape.columns = columns_of(row);
      std::string definitions;
      for (const auto& [column, value] : row.items()) {
        definitions += (definitions.empty() ? "" : ", ") + column_definition(column, value);
      }
      run(connection, fmt::format("CREATE TABLE {} ({})", quoted_name(table), definitions));
    }
    std::string values;
    for (const auto& [column, value] : row.items()) {
      if (!shape.has_column(column)) throw refuse("a row has a column that the first one lacks");
      values += (values.empty() ? "" : ", ") + literal(value);
    }
    run(connection, fmt::format("INSERT INTO {} ({}) VALUES ({})", quoted_name(table),
                                quoted_list(columns_of(row)), values));
  }
}

}  // namespace

void fill_from_json(sqlite3* connection, std::string_view json, const std::string& name) {
  Json seed;
  try {
    seed = Json::parse(json);
  } catch (const Json::exception& error) {
    throw bad_seed(name, error.what());
  }
  if (!seed.is_object()) throw bad_seed(name, "an object of tables is expected");
  run(connection, "BEGIN");
  for (const auto& [table, rows] : seed.items()) fill_table(connection, table, rows, name);
  run(connection, "COMMIT");
}

}  // namespace holdfast::sqlite
