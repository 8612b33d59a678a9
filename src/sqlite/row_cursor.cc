#include "sqlite/row_cursor.h"

#include <sqlite3.h>

#include <bit>
#include <cstring>
#include <new>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

void expect_bound(int result, sqlite3_stmt* statement) {
  if (result != SQLITE_OK) {
    throw sqlite_error(result, sqlite3_db_handle(statement), sqlite3_sql(statement));
  }
}

// Of text in UTF-8, or of a blob.
ByteView bytes_of(sqlite3_stmt* statement, int column, int type) {
  const void* data = type == SQLITE_TEXT ? sqlite3_column_text(statement, column)
                                         : sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  if (data == nullptr && size > 0) throw std::bad_alloc();
  return {static_cast<const std::byte*>(data), size};
}

}  // namespace

void RowCursor::start(const RowidRange& range) {
  statement_.reset();
  expect_bound(sqlite3_bind_int64(statement_.get(), 1, range.first), statement_.get());
  expect_bound(sqlite3_bind_int64(statement_.get(), 2, range.last), statement_.get());
}

bool RowCursor::find(const RowCursor& other, const std::vector<std::size_t>& columns) {
  statement_.reset();
  int parameter = 0;
  for (const std::size_t column : columns) {
    expect_bound(sqlite3_bind_value(statement_.get(), ++parameter,
                                    sqlite3_column_value(other.statement_.get(), index(column))),
                 statement_.get());
  }
  while (statement_.step()) {
    bool same = true;
    for (const std::size_t column : columns) same = same && is_same(other, column);
    if (same) return true;
  }
  return false;
}

Value RowCursor::value(std::size_t column) const {
  sqlite3_stmt* const statement = statement_.get();
  const int at = index(column);
  const int type = sqlite3_column_type(statement, at);
  switch (type) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, at);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, at);
    case SQLITE_TEXT:
      return std::string(as_text(bytes_of(statement, at, type)));
    case SQLITE_BLOB: {
      const ByteView bytes = bytes_of(statement, at, type);
      return Bytes(bytes.begin(), bytes.end());
    }
    default:
      return {};
  }
}

bool RowCursor::is_same(const RowCursor& other, std::size_t column) const {
  sqlite3_stmt *const mine = statement_.get(), *const theirs = other.statement_.get();
  const int at = index(column);
  const int type = sqlite3_column_type(mine, at);
  if (type != sqlite3_column_type(theirs, at)) return false;
  switch (type) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(mine, at) == sqlite3_column_int64(theirs, at);
    case SQLITE_FLOAT:
      return std::bit_cast<std::uint64_t>(sqlite3_column_double(mine, at)) ==
             std::bit_cast<std::uint64_t>(sqlite3_column_double(theirs, at));
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      const ByteView a = bytes_of(mine, at, type), b = bytes_of(theirs, at, type);
      return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
    }
    default:
      return true;
  }
}

}  // namespace holdfast::sqlite
