#include "sqlite/salvage/lost_and_found.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

constexpr int kFirstValue = 7;

void execute(sqlite3* connection, const std::string& sql) {
  Statement statement(connection, sql);
  statement.step();
}

int text_kind(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::kUtf16LittleEndian:
      return SQLITE_UTF16LE;
    case TextEncoding::kUtf16BigEndian:
      return SQLITE_UTF16BE;
    case TextEncoding::kUtf8:
      break;
  }
  return SQLITE_UTF8;
}

}  // namespace

void bind_stored(sqlite3_stmt* statement, int parameter, const StoredValue& value,
                 TextEncoding encoding) {
  // A null pointer would bind NULL.
  const auto* bytes = value.bytes.empty() ? "" : reinterpret_cast<const char*>(value.bytes.data());
  int result = SQLITE_OK;
  switch (value.kind) {
    case StoredValue::Kind::kNull:
      result = sqlite3_bind_null(statement, parameter);
      break;
    case StoredValue::Kind::kInteger:
      result = sqlite3_bind_int64(statement, parameter, value.integer);
      break;
    case StoredValue::Kind::kReal:
      result = sqlite3_bind_double(statement, parameter, value.real);
      break;
    case StoredValue::Kind::kText:
      result = sqlite3_bind_text64(statement, parameter, bytes, value.bytes.size(), SQLITE_STATIC,
                                   static_cast<unsigned char>(text_kind(encoding)));
      break;
    case StoredValue::Kind::kBlob:
      result = sqlite3_bind_blob64(statement, parameter, bytes, value.bytes.size(), SQLITE_STATIC);
      break;
  }
  if (result != SQLITE_OK) {
    throw sqlite_error(result, sqlite3_db_handle(statement), "cannot take over a value");
  }
}

LostAndFound::LostAndFound(sqlite3* connection, std::string name, TextEncoding encoding)
    : connection_(connection), name_(std::move(name)), encoding_(encoding) {}

void LostAndFound::widen(std::size_t columns) {
  if (!made_) {
    execute(connection_, fmt::format("CREATE TABLE {}(table_name TEXT, reason TEXT, root INTEGER, "
                                     "page INTEGER, row_id INTEGER, fields INTEGER)",
                                     quoted_name(name_)));
    made_ = true;
  }
  for (; columns_ < columns; ++columns_) {
    execute(connection_,
            fmt::format("ALTER TABLE {} ADD COLUMN c{}", quoted_name(name_), columns_));
  }
}

Statement& LostAndFound::inserting(std::size_t columns) {
  const auto known = inserting_.find(columns);
  if (known != inserting_.end()) return known->second;
  widen(columns);
  std::string names = "table_name, reason, root, page, row_id, fields", marks = "?, ?, ?, ?, ?, ?";
  for (std::size_t i = 0; i < columns; ++i) {
    names += fmt::format(", c{}", i);
    marks += ", ?";
  }
  return inserting_
      .emplace(columns, Statement(connection_, fmt::format("INSERT INTO {}({}) VALUES ({})",
                                                           quoted_name(name_), names, marks)))
      .first->second;
}

void LostAndFound::add(const StoredRow& row, PageNumber root, std::string_view table,
                       std::string_view reason) {
  const auto most =
      static_cast<std::size_t>(sqlite3_limit(connection_, SQLITE_LIMIT_COLUMN, -1) - kFirstValue);
  const std::size_t columns = std::min(row.values.size(), most);
  Statement& statement = inserting(columns);
  sqlite3_stmt* into = statement.get();
  const auto text = [&](int parameter, std::string_view value) {
    bind_stored(into, parameter,
                {.kind = value.empty() ? StoredValue::Kind::kNull : StoredValue::Kind::kText,
                 .bytes = as_bytes(value)},
                TextEncoding::kUtf8);
  };
  text(1, table);
  text(2, reason);
  sqlite3_bind_int64(into, 3, root);
  sqlite3_bind_int64(into, 4, row.page);
  if (row.rowid) {
    sqlite3_bind_int64(into, 5, *row.rowid);
  } else {
    sqlite3_bind_null(into, 5);
  }
  sqlite3_bind_int64(into, 6, static_cast<sqlite3_int64>(row.values.size()));
  for (std::size_t i = 0; i < columns; ++i) {
    bind_stored(into, kFirstValue + static_cast<int>(i), row.values[i], encoding_);
  }
  statement.step();
  statement.reset();
  ++rows_;
}

}  // namespace holdfast::sqlite
