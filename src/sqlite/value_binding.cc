#include "sqlite/value_binding.h"

#include <sqlite3.h>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {

void bind_value(Statement& statement, int parameter, const Value& value) {
  sqlite3_stmt* to = statement.get();
  int result = SQLITE_OK;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    result = sqlite3_bind_int64(to, parameter, *whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    result = sqlite3_bind_double(to, parameter, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    result =
        sqlite3_bind_text64(to, parameter, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Bytes>(&value)) {
    // An empty vector may have no address, and that would bind NULL.
    const void* from = blob->empty() ? static_cast<const void*>("") : blob->data();
    result = sqlite3_bind_blob64(to, parameter, from, blob->size(), SQLITE_STATIC);
  } else {
    result = sqlite3_bind_null(to, parameter);
  }
  if (result == SQLITE_TOOBIG) {
    throw Error(ErrorCode::kRecordRejected, "a value is larger than SQLite can hold");
  }
  if (result != SQLITE_OK) throw sqlite_error(result, sqlite3_db_handle(to), "binding a value");
}

Value column_value(const Statement& statement, int column) {
  sqlite3_stmt* from = statement.get();
  switch (sqlite3_column_type(from, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(from, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(from, column);
    case SQLITE_TEXT:
      return statement.text(column);
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(from, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(from, column));
      return size == 0 ? Bytes() : Bytes(bytes, bytes + size);
    }
    default:
      return {};
  }
}

}  // namespace holdfast::sqlite
