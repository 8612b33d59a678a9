// Rows of one committed state of a database, read one after the other without copies: what a
// database engine offers to the layers above that stream whole tables. SQLite's is
// sqlite/view_reader.h.
#ifndef HOLDFAST_BASE_ROW_READER_H_
#define HOLDFAST_BASE_ROW_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/row_session.h"

namespace holdfast {

// A Value that is looked at where it lies.
struct Cell {
  enum class Type : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Type type = Type::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view bytes = {};  // of kText and kBlob
};
Cell cell_of(const Value& value);  // which must outlive it
Value value_of(const Cell& cell);

class RowScan {
 public:
  virtual ~RowScan() = default;
  virtual bool next() = 0;
  // Of the current row, until next().
  virtual std::span<const Cell> row() const = 0;
};

// By one thread at a time. Every call throws what keeps the database from being read.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // Empty if there is no such table.
  virtual std::optional<TableFacts> table(std::string_view name) = 0;
  // Conditions of `query` are equalities, and where there are twins ranges too (kLess,
  // kGreaterOrEqual). The scan must not outlive the reader.
  virtual std::unique_ptr<RowScan> scan(const RowQuery& query) = 0;
  virtual std::vector<Row> select(const RowQuery& query) = 0;
  // About how many bytes the whole database has.
  virtual std::uint64_t size() const = 0;

  // Whether twin() gives one.
  virtual bool has_twins() const { return false; }
  // Another reader of the same state, which another thread may use at the same time. This reader
  // must outlive it. Empty where there is none.
  virtual std::unique_ptr<RowReader> twin() { return nullptr; }
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_ROW_READER_H_
