// Rows of a PostgreSQL database by key: the RowSession of this engine.
#ifndef HOLDFAST_POSTGRES_ROW_STORE_H_
#define HOLDFAST_POSTGRES_ROW_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/row_session.h"
#include "postgres/connection.h"
#include "postgres/sql_text.h"
#include "postgres/table_look.h"

namespace holdfast::postgres {

// READ COMMITTED, which is the application's own way. Writers of Holdfast exclude each other by a
// lock that ends with their transaction: so nobody writes a record between another's looking for
// its tombstone and its commit, and a transaction whose commit was not answered is over before it
// can be tried again. The application is not locked out.
//
// Where a connection is lost while a commit is under way, commit() throws kUnavailable and cannot
// know what came of it: the id of the write, in the same transaction, tells.
class RowStore : public RowSession {
 public:
  // Throws kUnavailable, kDatabaseMissing, kPermissionDenied …
  RowStore(const Address& address, Timeouts timeouts);
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
  // In a transaction: that they may have, which cannot be told. After a commit: whether what was
  // read back since is, or may be, of another transaction than the last of this session.
  bool others_wrote() override;
  bool holds_equal(const ColumnFacts& column, const Value& wanted, const Value& stored) override;

 private:
  // `tells_rows`: the statement may answer the versions of the rows that it writes.
  Result write(const std::string& table, Sql sql, bool tells_rows);
  Result read(const Sql& sql);
  const TableLook* look(const std::string& table);
  void forget_looks();
  Connection& reader();

  Connection connection_;
  Timeouts timeouts_;
  std::unique_ptr<Connection> other_;  // reads back
  TableLooks looks_;
  bool forgotten_ = false;  // looks were, and not because a table was found changed
  // Rows know the lower half of the number of the transaction, or the savepoint, that wrote them.
  std::set<std::uint32_t> versions_;       // that the last transaction wrote or saw
  std::optional<std::uint32_t> last_own_;  // the last that it wrote
  std::uint64_t later_ = 0;                // after the newest transaction that had ended then
  bool found_foreign_ = false, found_nothing_ = false;  // by reading back since then
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_ROW_STORE_H_
