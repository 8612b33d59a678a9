// Rows of one database by key, in transactions: what a database engine offers to the layers that
// write records. SQLite's is sqlite/row_store.h, PostgreSQL's postgres/row_store.h;
// test_row_session.h holds both to the same tests.
#ifndef HOLDFAST_BASE_ROW_SESSION_H_
#define HOLDFAST_BASE_ROW_SESSION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace holdfast {

using Row = std::vector<Value>;

// Columns that equal values, by the database's own comparison.
struct RowKey {
  std::vector<std::string> columns;
  Row values;
};

struct RowCondition {
  enum class Is { kEqual, kUnequal, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kContains };
  std::string column;
  Is is = Is::kEqual;  // kContains: as text, whatever the case of ASCII letters
  Value value;         // equal to NULL: is NULL
};

struct RowQuery {
  std::string table;
  std::vector<std::string> columns;
  std::vector<RowCondition> conditions;  // all of them
  struct Order {
    std::string column;
    bool descending = false;
  };
  std::vector<Order> order;
  std::optional<std::uint64_t> limit;
  std::uint64_t offset = 0;
  // SQL of the configuration's own (an exclusion) that a row must fulfil too; empty: none.
  std::string where = {};
};

// By one thread at a time. Every call throws Error:
//   kRecordRejected  a constraint; the message names it. Nothing of the statement was done
//   kTableMissing    the table is not there
//   what says that the database is away (kDatabaseBusy, kIo, kDiskFull, kPermissionDenied …)
// Rows of the session's own (write ids, tombstones) are in tables whose names begin with
// "_holdfast_"; where the database may not be touched they are kept beside it, under the same
// names.
class RowSession {
 public:
  virtual ~RowSession() = default;  // what was not committed is rolled back

  // Empty if there is no such table.
  virtual std::optional<TableFacts> table(std::string_view name) = 0;
  // Whether any table may look otherwise than when this was last asked.
  virtual bool schema_changed() = 0;
  virtual void run(const std::string& sql) = 0;  // one statement or several
  // `columns` is SQL that every engine understands. Nothing happens if there is one.
  virtual void create_own_table(const std::string& name, const std::string& columns) = 0;

  virtual void begin() = 0;  // for writing
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
  // False if an error took the whole transaction back.
  virtual bool in_transaction() = 0;
  // One level of them. release() throws kRecordRejected if a constraint that is checked late is
  // broken by now; roll_back_to_savepoint() must follow then.
  virtual void savepoint() = 0;
  virtual void release_savepoint() = 0;
  virtual void roll_back_to_savepoint() = 0;

  // How many rows match the key and were changed.
  virtual std::uint64_t update(const std::string& table, const std::vector<std::string>& columns,
                               std::span<const Value> values, const RowKey& key) = 0;
  // Answers the values that `returned` have in the new row.
  virtual Row insert(const std::string& table, const std::vector<std::string>& columns,
                     std::span<const Value> values, const std::vector<std::string>& returned) = 0;
  virtual std::uint64_t remove(const std::string& table, const RowKey& key) = 0;
  virtual std::vector<Row> select(const RowQuery& query) = 0;
  virtual std::uint64_t count(const RowQuery& query) = 0;

  // What a reader who is not this session finds: by another connection, after a commit.
  virtual std::vector<Row> read_back(const RowQuery& query) = 0;
  // In between, what is found may be of one moment: many rows are found in less time then.
  virtual void begin_reading_back() {}
  virtual void end_reading_back() noexcept {}
  // Whether anybody but this session has committed since this was last asked.
  virtual bool others_wrote() = 0;
  // Whether what a column has made of a value means the same to the database, although it is
  // written otherwise: 12:00Z as 12:00+00, 1.5 as 1.50.
  virtual bool holds_equal(const ColumnFacts& /*column*/, const Value& /*wanted*/,
                           const Value& /*stored*/) {
    return false;
  }
  // Whether another database stands where this one was opened, or none: whatever is still written
  // to this one is lost.
  virtual bool was_replaced() { return false; }
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_ROW_SESSION_H_
