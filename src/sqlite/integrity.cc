#include "sqlite/integrity.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/read_view.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kMostMessages = 100;

// Without a log there is nothing to lock and nothing to leave behind.
Access access_to(const std::filesystem::path& path) {
  const auto log = FileStamp::of(wal_path(path));
  const bool alone = (!log || log->size == 0) && !journal_has_content(path);
  return alone ? Access::kImmutable : Access::kReadWrite;
}

void check_structure(sqlite3* connection, std::vector<std::string>& messages) {
  Statement check(connection, fmt::format("PRAGMA integrity_check({})", kMostMessages));
  while (check.step() && messages.size() < kMostMessages) {
    std::string message = check.text(0);
    if (message != "ok") messages.push_back(std::move(message));
  }
}

void check_foreign_keys(sqlite3* connection, std::vector<std::string>& messages) {
  Statement check(connection, "PRAGMA foreign_key_check");
  while (messages.size() < kMostMessages && check.step()) {
    const std::string row = check.is_null(1) ? "a row" : fmt::format("row {}", check.integer(1));
    messages.push_back(
        fmt::format("{} of {} refers to a missing row of {}", row, check.text(0), check.text(2)));
  }
}

std::vector<TableRows> count_rows(sqlite3* connection) {
  std::vector<TableRows> tables;
  Statement names(connection,
                  "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND "
                  "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
  while (names.step()) tables.push_back({.name = names.text(0)});
  for (TableRows& table : tables) {
    Statement count(connection,
                    fmt::format("SELECT count(*) FROM main.{}", quoted_name(table.name)));
    count.step();
    table.rows = static_cast<std::uint64_t>(count.integer(0));
  }
  return tables;
}

}  // namespace

std::vector<std::string> check_integrity(const std::filesystem::path& path) {
  std::vector<std::string> messages;
  try {
    const Connection connection(path, access_to(path), std::chrono::seconds(10));
    if (connection.file().size() == 0) return {"the file is empty"};
    check_structure(connection.get(), messages);
    check_foreign_keys(connection.get(), messages);
  } catch (const Error& error) {
    if (messages.size() < kMostMessages) messages.push_back(error.happened());
  }
  return messages;
}

Examination examine(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout) {
  Examination found;
  try {
    const ReadView view(path, busy_timeout);
    check_structure(view.connection(), found.problems);
    if (found.problems.empty()) {
      check_foreign_keys(view.connection(), found.loose_references);
      found.tables = count_rows(view.connection());
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kDatabaseBusy || error.code() == ErrorCode::kPermissionDenied) {
      throw;
    }
    found.problems.emplace_back(error.happened());
  }
  return found;
}

}  // namespace holdfast::sqlite
