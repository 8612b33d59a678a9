// Rows of one committed state of a PostgreSQL database: the RowReader of this engine.
#ifndef HOLDFAST_POSTGRES_SNAPSHOT_READER_H_
#define HOLDFAST_POSTGRES_SNAPSHOT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/row_reader.h"
#include "postgres/connection.h"
#include "postgres/table_look.h"

namespace holdfast::postgres {

// One read-only transaction (REPEATABLE READ), which nobody waits for. A scan fetches about a
// megabyte of rows at a time.
class SnapshotReader final : public RowReader {
 public:
  SnapshotReader(const Address& address, Timeouts timeouts);

  std::optional<TableFacts> table(std::string_view name) override;
  std::unique_ptr<RowScan> scan(const RowQuery& query) override;
  std::vector<Row> select(const RowQuery& query) override;
  std::uint64_t size() const override { return size_; }

 private:
  const TableLook* look(const std::string& table);

  Connection connection_;
  TableLooks looks_;
  std::uint64_t size_ = 0;
  int cursors_ = 0;
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_SNAPSHOT_READER_H_
