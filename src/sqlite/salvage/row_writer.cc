#include "sqlite/salvage/row_writer.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "sqlite/salvage/lost_and_found.h"
#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

// What one row may be to blame for; everything else is about the new database as a whole.
bool is_of_the_row(int result) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR:
    case SQLITE_RANGE:
      return true;
    default:
      return false;
  }
}

}  // namespace

RowWriter::RowWriter(sqlite3* connection, StoredShape shape, TextEncoding encoding)
    : connection_(connection), shape_(std::move(shape)), encoding_(encoding) {}

Statement& RowWriter::inserting(std::size_t fields) {
  const auto known = inserting_.find(fields);
  if (known != inserting_.end()) return known->second;
  std::string names, marks;
  const auto add = [&](const std::string& name) {
    names += (names.empty() ? "" : ", ") + name;
    marks += marks.empty() ? "?" : ", ?";
  };
  if (!shape_.rowid_name.empty()) add(shape_.rowid_name);
  for (std::size_t i = 0; i < fields; ++i) {
    if (i != shape_.rowid_column && !shape_.columns[i].is_generated) {
      add(quoted_name(shape_.columns[i].name));
    }
  }
  const std::string values =
      names.empty() ? "DEFAULT VALUES" : fmt::format("({}) VALUES ({})", names, marks);
  return inserting_
      .emplace(fields, Statement(connection_, fmt::format("INSERT INTO main.{} {}",
                                                          quoted_name(shape_.name), values)))
      .first->second;
}

std::optional<std::string> RowWriter::write(const StoredRow& row) {
  if (row.rowid.has_value() == shape_.without_rowid) return "it is of another kind of table";
  if (row.values.size() > shape_.columns.size()) return "it has more columns than the table";
  Statement* statement = nullptr;
  try {
    statement = &inserting(row.values.size());
  } catch (const Error& error) {
    return error.happened();
  }
  int parameter = 0;
  if (!shape_.rowid_name.empty()) {
    sqlite3_bind_int64(statement->get(), ++parameter, *row.rowid);
  }
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (i != shape_.rowid_column && !shape_.columns[i].is_generated) {
      bind_stored(statement->get(), ++parameter, row.values[i], encoding_);
    }
  }
  const int result = sqlite3_step(statement->get());
  if (result == SQLITE_DONE) {
    statement->reset();
    return std::nullopt;
  }
  if (!is_of_the_row(result)) {
    throw sqlite_error(result, connection_, fmt::format("cannot write a row of {}", shape_.name));
  }
  std::string reason = sqlite3_errmsg(connection_);
  statement->reset();
  return reason;
}

}  // namespace holdfast::sqlite
