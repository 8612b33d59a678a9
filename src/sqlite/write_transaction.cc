#include "sqlite/write_transaction.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <vector>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

WriteTransaction::WriteTransaction(const std::filesystem::path& path,
                                   const std::filesystem::path& attached,
                                   std::chrono::milliseconds busy_timeout)
    : connection_(path, Access::kReadWrite, busy_timeout) {
  const auto log = FileStamp::of(wal_path(connection_.resolved_path()));
  connection_.checkpoint_on_close(!log || log->size == 0);
  sqlite3_db_config(get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(get(), SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
  run("PRAGMA synchronous = FULL");
  if (!attached.empty()) {
    run(fmt::format("ATTACH {} AS history",
                    quoted_text(std::filesystem::absolute(attached).string())));
  }
  run("BEGIN IMMEDIATE");
}

WriteTransaction::~WriteTransaction() {
  if (connection_.in_transaction()) {
    sqlite3_exec(get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

std::uint64_t WriteTransaction::run(const std::string& sql) const {
  const auto before = sqlite3_total_changes64(get());
  Statement statement = Statement::only(get(), sql);
  while (statement.step()) {
  }
  return static_cast<std::uint64_t>(sqlite3_total_changes64(get()) - before);
}

std::uint64_t WriteTransaction::number(const std::string& sql) const {
  Statement statement = Statement::only(get(), sql);
  return statement.step() ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
}

void WriteTransaction::commit() {
  run("COMMIT");
  // See RowStore: a savepoint that was rolled back may have spoilt the log for a recovery. In the
  // database itself all of it is right.
  int spilled = 0, most = 0;
  sqlite3_db_status(get(), SQLITE_DBSTATUS_CACHE_SPILL, &spilled, &most, 0);
  if (spilled > 0) {
    sqlite3_wal_checkpoint_v2(get(), "main", SQLITE_CHECKPOINT_FULL, nullptr, nullptr);
  }
}

void rebuild_full_text(const WriteTransaction& transaction) {
  std::vector<std::string> indexes;
  Statement names(transaction.get(),
                  "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND "
                  "sql LIKE 'CREATE VIRTUAL TABLE% USING fts_%'");
  while (names.step()) indexes.push_back(names.text(0));
  for (const std::string& name : indexes) {
    transaction.run("SAVEPOINT full_text");
    try {
      transaction.run(
          fmt::format("INSERT INTO main.{0}({0}) VALUES ('rebuild')", quoted_name(name)));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kSqlite) throw;
      transaction.run("ROLLBACK TO full_text");
    }
    transaction.run("RELEASE full_text");
  }
}

}  // namespace holdfast::sqlite
