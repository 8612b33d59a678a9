// One transaction that changes a database: whole, or not at all.
#ifndef HOLDFAST_SQLITE_WRITE_TRANSACTION_H_
#define HOLDFAST_SQLITE_WRITE_TRANSACTION_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "sqlite/connection.h"

namespace holdfast::sqlite {

// Triggers do not fire and foreign keys are not enforced in it: what is written are rows that were
// there before, with all that triggers once did. Rolled back unless committed. A log is left only
// where there was one. By one thread.
class WriteTransaction {
 public:
  // `attached` is read as "history" unless it is empty. Throws kDatabaseBusy, kPermissionDenied,
  // kSqlite …
  WriteTransaction(const std::filesystem::path& path, const std::filesystem::path& attached,
                   std::chrono::milliseconds busy_timeout);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  sqlite3* get() const { return connection_.get(); }
  std::filesystem::path path() const { return connection_.resolved_path(); }
  // The number of rows that the statement changed.
  std::uint64_t run(const std::string& sql) const;
  std::uint64_t number(const std::string& sql) const;  // the first column of the first row
  void commit();

 private:
  Connection connection_;
};

// Full-text indexes are made anew from the tables they index; ones that have no such table are left
// alone.
void rebuild_full_text(const WriteTransaction& transaction);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WRITE_TRANSACTION_H_
