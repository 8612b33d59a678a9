#include "sqlite/statement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

std::string quoted(std::string_view text, char mark) {
  std::string answer(1, mark);
  for (const char c : text) {
    answer += c;
    if (c == mark) answer += c;
  }
  return answer + mark;
}

}  // namespace

std::string quoted_name(std::string_view name) { return quoted(name, '"'); }
std::string quoted_text(std::string_view text) { return quoted(text, '\''); }

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  if (result != SQLITE_OK) throw sqlite_error(result, connection, sql);
}

Statement Statement::only(sqlite3* connection, std::string_view sql) {
  // SQLite finds out where the first one ends; what follows may be blanks and comments alone.
  Statement statement(connection, sql);
  sqlite3_stmt* other = nullptr;
  const char* tail = nullptr;
  sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &other, &tail);
  sqlite3_finalize(other);
  const std::string_view rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  const int result =
      sqlite3_prepare_v2(connection, rest.data(), static_cast<int>(rest.size()), &other, nullptr);
  const bool more = result != SQLITE_OK || other != nullptr;
  sqlite3_finalize(other);
  if (statement.get() == nullptr || more) {
    throw Error(ErrorCode::kSqlite, fmt::format("\"{}\" is not one statement", sql));
  }
  return statement;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  throw sqlite_error(result, sqlite3_db_handle(statement_.get()), sqlite3_sql(statement_.get()));
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

}  // namespace holdfast::sqlite
