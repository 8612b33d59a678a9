// Rows of a SQLite database by key: the RowSession of this engine.
#ifndef HOLDFAST_SQLITE_ROW_STORE_H_
#define HOLDFAST_SQLITE_ROW_STORE_H_

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/row_session.h"
#include "sqlite/connection.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

struct RowStoreOptions {
  std::chrono::milliseconds busy_timeout{0};
  // Beside the database, in "<database>.holdfast", instead of inside it. Both are committed
  // together; in WAL mode one after the other, so that what stops it in between parts them.
  bool own_tables_beside = false;
};

// Triggers fire and foreign keys are enforced, as for an application that does it right. Commits
// are synced (synchronous = FULL). A log is left only where there was one. Never creates a
// database. NaN, which SQLite would make NULL of, is refused.
class RowStore : public RowSession {
 public:
  // Throws kDatabaseMissing, kDatabaseEmpty, kNotADatabase, kPermissionDenied …
  RowStore(const std::filesystem::path& path, RowStoreOptions options);
  ~RowStore() override;

  std::optional<TableFacts> table(std::string_view name) override;
  bool schema_changed() override;
  void run(const std::string& sql) override;
  void create_own_table(const std::string& name, const std::string& columns) override;
  void begin() override;
  void commit() override;
  void rollback() noexcept override;
  bool in_transaction() override { return connection_.in_transaction(); }
  void savepoint() override;
  void release_savepoint() override;
  void roll_back_to_savepoint() override;
  std::uint64_t update(const std::string& table, const std::vector<std::string>& columns,
                       std::span<const Value> values, const RowKey& key) override;
  Row insert(const std::string& table, const std::vector<std::string>& columns,
             std::span<const Value> values, const std::vector<std::string>& returned) override;
  std::uint64_t remove(const std::string& table, const RowKey& key) override;
  std::vector<Row> select(const RowQuery& query) override;
  std::uint64_t count(const RowQuery& query) override;
  std::vector<Row> read_back(const RowQuery& query) override;
  void begin_reading_back() override;
  void end_reading_back() noexcept override;
  bool others_wrote() override;
  bool was_replaced() override;

 private:
  class Statements;  // prepared ones of one connection, by their text

  std::string qualified(std::string_view table) const;
  Statements& reader();

  std::filesystem::path path_;
  RowStoreOptions options_;
  Connection connection_;
  std::unique_ptr<Statements> statements_;
  std::unique_ptr<Connection> other_;  // reads back
  std::unique_ptr<Statements> other_statements_;
  std::uint64_t inode_ = 0, device_ = 0;  // of the file that was opened
  std::int64_t schema_version_ = -1, data_version_ = -1;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_ROW_STORE_H_
