#include "postgres/snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/sql_text.h"

namespace holdfast::postgres {
namespace {

constexpr std::uint64_t kBatchBytes = 1'000'000;
constexpr std::uint64_t kMostRows = 2'000;

class CursorScan final : public RowScan {
 public:
  CursorScan(Connection& connection, std::string name)
      : connection_(connection), name_(std::move(name)) {}

  bool next() override {
    if (at_ == rows_.size() && !fetch()) return false;
    cells_.clear();
    for (const Value& value : rows_[at_]) cells_.push_back(cell_of(value));
    ++at_;
    return true;
  }
  std::span<const Cell> row() const override { return cells_; }

 private:
  bool fetch() {
    const Result result =
        connection_.query(fmt::format("FETCH FORWARD {} FROM {}", ask_for_, name_));
    rows_.clear();
    at_ = 0;
    std::uint64_t bytes = 1;
    for (std::size_t i = 0; i < result.rows(); ++i) {
      rows_.push_back(result.row(i, result.columns()));
      for (std::size_t j = 0; j < result.columns(); ++j) bytes += result.text(i, j).size();
    }
    ask_for_ = std::clamp(rows_.size() * kBatchBytes / bytes, std::uint64_t{1}, kMostRows);
    return !rows_.empty();
  }

  Connection& connection_;
  const std::string name_;
  std::vector<Row> rows_;
  std::vector<Cell> cells_;
  std::size_t at_ = 0;
  std::uint64_t ask_for_ = 8;  // they may be large
};

}  // namespace

SnapshotReader::SnapshotReader(const Address& address, Timeouts timeouts)
    : connection_(address, timeouts) {
  connection_.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  size_ = static_cast<std::uint64_t>(
      connection_.query("SELECT pg_database_size(current_database())").number(0, 0));
}

const TableLook* SnapshotReader::look(const std::string& table) {
  auto known = looks_.find(table);
  if (known == looks_.end()) {
    known = looks_.emplace(table, look_at_table(connection_, table)).first;
  }
  return known->second ? &*known->second : nullptr;
}

std::optional<TableFacts> SnapshotReader::table(std::string_view name) {
  const TableLook* found = look(std::string(name));
  if (found == nullptr) return std::nullopt;
  return found->facts;
}

std::unique_ptr<RowScan> SnapshotReader::scan(const RowQuery& query) {
  std::string name = fmt::format("scan_{}", ++cursors_);
  const Sql sql = select_sql(query, look(query.table));
  connection_.query(fmt::format("DECLARE {} NO SCROLL CURSOR FOR {}", name, sql.text), sql.values);
  return std::make_unique<CursorScan>(connection_, std::move(name));
}

std::vector<Row> SnapshotReader::select(const RowQuery& query) {
  const Sql sql = select_sql(query, look(query.table));
  const Result result = connection_.query(sql.text, sql.values);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < result.rows(); ++i) rows.push_back(result.row(i, result.columns()));
  return rows;
}

}  // namespace holdfast::postgres
