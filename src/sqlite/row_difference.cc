#include "sqlite/row_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "sqlite/row_cursor.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint64_t kStepsBetweenTicks = 1024;

bool has_key_index(const TableSide& side) {
  Statement indexes(side.connection,
                    fmt::format("PRAGMA main.index_list({})", quoted_name(side.shape->name)));
  while (indexes.step()) {
    if (indexes.text(3) == "pk") return true;
  }
  return false;
}

// A rowid under another name, or no primary key at all.
bool is_keyed_by_rowid(const TableSide& side) {
  const TableShape& shape = *side.shape;
  if (shape.without_rowid) return false;
  return shape.key.empty() || (shape.key.size() == 1 && !has_key_index(side));
}

std::vector<std::string> only_in(const TableShape& one, const TableShape& other) {
  std::vector<std::string> names;
  std::ranges::copy_if(one.columns, std::back_inserter(names),
                       [&](const std::string& name) { return !other.has_column(name); });
  return names;
}

ComparedTable table_of(const TableSide& before, const TableSide& after) {
  const TableShape& one = before.shape != nullptr ? *before.shape : *after.shape;
  const TableShape& other = after.shape != nullptr ? *after.shape : *before.shape;
  ComparedTable table;
  table.name = other.name;
  table.key = other.key;
  table.only_before = only_in(one, other);
  table.only_after = only_in(other, one);
  std::ranges::copy_if(other.columns, std::back_inserter(table.columns),
                       [&](const std::string& name) { return one.has_column(name); });
  if (!std::ranges::equal(one.key, other.key, same_name)) {
    table.skipped = fmt::format("its primary key was ({}) and is ({})", fmt::join(one.key, ", "),
                                fmt::join(other.key, ", "));
    return table;
  }
  const auto keyed_by_rowid = [](const TableSide& side) {
    return side.shape == nullptr || is_keyed_by_rowid(side);
  };
  table.by_rowid = keyed_by_rowid(before) && keyed_by_rowid(after);
  if (table.key.empty()) table.key = {"rowid"};
  if (table.by_rowid && (one.identity().empty() || other.identity().empty())) {
    table.skipped = "its columns hide the rowid, and there is nothing else to tell its rows apart";
  }
  return table;
}

}  // namespace

class RowComparison::State {
 public:
  State(const TableSide& before, const TableSide& after, Visit visit, std::function<void()> tick)
      : table_(table_of(before, after)), visit_(std::move(visit)), tick_(std::move(tick)) {
    for (const std::string& name : table_.key) {
      const auto column = std::ranges::find_if(
          table_.columns, [&](const std::string& known) { return same_name(known, name); });
      if (column == table_.columns.end()) continue;  // the rowid, by no name of its own
      key_.push_back(static_cast<std::size_t>(column - table_.columns.begin()));
    }
    in_order_ = is_in_order(before) && is_in_order(after);
    if (!table_.skipped.empty()) return;
    open(before, before_);
    open(after, after_);
  }

  const ComparedTable& table() const { return table_; }
  const RowCounts& counts() const { return counts_; }
  bool has_ranges() const { return in_order_; }

  void compare(const RowidRange& range) {
    if (!table_.skipped.empty()) return;
    for (Side* side : {&before_, &after_}) {
      if (!side->scan) continue;
      if (in_order_) {
        side->scan->start(range);
      } else {
        side->scan->start();
      }
      step(*side);
    }
    while (before_.has_row || after_.has_row) {
      if (++steps_ % kStepsBetweenTicks == 0 && tick_) tick_();
      if (in_order_) {
        compare_by_rowid();
      } else {
        compare_by_key();
      }
    }
    for (Side* side : {&before_, &after_}) {
      if (side->scan) side->scan->finish();
    }
  }

 private:
  struct Side {
    std::optional<RowCursor> scan, lookup;
    bool has_row = false;
  };

  static bool is_in_order(const TableSide& side) {
    return side.shape == nullptr || (!side.shape->without_rowid && !side.shape->identity().empty());
  }

  void open(const TableSide& table, Side& side) const {
    if (table.shape == nullptr) return;
    const std::string name = quoted_name(table.shape->name);
    const std::string columns =
        table_.columns.empty() ? std::string() : ", " + quoted_list(table_.columns);
    if (in_order_) {
      const std::string rowid = table.shape->identity().front();
      side.scan.emplace(table.connection,
                        fmt::format("SELECT {0}{1} FROM main.{2} WHERE {0} BETWEEN ?1 AND ?2 "
                                    "ORDER BY {0}",
                                    rowid, columns, name));
    } else {
      side.scan.emplace(table.connection,
                        fmt::format("SELECT NULL{} FROM main.{} NOT INDEXED", columns, name));
    }
    if (table_.by_rowid) return;
    std::string condition;
    for (const std::size_t column : key_) {
      condition += fmt::format("{}{} = ?", condition.empty() ? "" : " AND ",
                               quoted_name(table_.columns[column]));
    }
    side.lookup.emplace(table.connection, fmt::format("SELECT NULL{} FROM main.{} WHERE {}",
                                                      columns, name, condition));
  }

  static void step(Side& side) { side.has_row = side.scan->step(); }

  void compare_by_rowid() {
    const bool both = before_.has_row && after_.has_row;
    const std::int64_t before = before_.has_row ? before_.scan->rowid() : 0;
    const std::int64_t after = after_.has_row ? after_.scan->rowid() : 0;
    if (both && before == after && (table_.by_rowid || has_same_key())) {
      compare_rows(*before_.scan, *after_.scan);
      step(before_);
      step(after_);
    } else if (before_.has_row && (!both || before <= after)) {
      if (!compare_found(*before_.scan)) report_deleted();
      step(before_);
    } else {
      if (!is_found(before_, *after_.scan)) report_inserted();
      step(after_);
    }
  }

  // The rows may be in any order, if only it is mostly the same one.
  void compare_by_key() {
    if (!after_.has_row) {
      if (!compare_found(*before_.scan)) report_deleted();
      step(before_);
    } else if (!before_.has_row) {
      if (!is_found(before_, *after_.scan)) report_inserted();
      step(after_);
    } else if (has_same_key()) {
      compare_rows(*before_.scan, *after_.scan);
      step(before_);
      step(after_);
    } else if (!is_found(after_, *before_.scan)) {
      report_deleted();
      step(before_);
    } else if (!is_found(before_, *after_.scan)) {
      report_inserted();
      step(after_);
    } else {
      // Rows of the second table that are found in the first one are compared from there.
      compare_found(*before_.scan);
      step(before_);
      step(after_);
    }
  }

  bool has_same_key() const {
    return std::ranges::all_of(
        key_, [&](std::size_t column) { return before_.scan->is_same(*after_.scan, column); });
  }
  bool is_found(Side& side, const RowCursor& row) const {
    if (!side.lookup) return false;
    const bool unknown =
        std::ranges::any_of(key_, [&](std::size_t column) { return row.is_null(column); });
    return !unknown && side.lookup->find(row, key_);
  }
  bool compare_found(const RowCursor& row) {
    if (!is_found(after_, row)) return false;
    compare_rows(row, *after_.lookup);
    return true;
  }

  std::vector<Value> values_of(const RowCursor& row) const {
    std::vector<Value> values;
    values.reserve(table_.columns.size());
    for (std::size_t i = 0; i < table_.columns.size(); ++i) values.push_back(row.value(i));
    return values;
  }
  std::vector<Value> key_of(const RowCursor& row) const {
    if (key_.empty()) return {row.rowid()};
    std::vector<Value> values;
    for (const std::size_t column : key_) values.push_back(row.value(column));
    return values;
  }
  void report_deleted() {
    ++counts_.deleted;
    visit_({.change = RowChange::kDeleted,
            .key = key_of(*before_.scan),
            .before = values_of(*before_.scan),
            .after = {},
            .changed = {}});
  }
  void report_inserted() {
    ++counts_.inserted;
    visit_({.change = RowChange::kInserted,
            .key = key_of(*after_.scan),
            .before = {},
            .after = values_of(*after_.scan),
            .changed = {}});
  }
  void compare_rows(const RowCursor& before, const RowCursor& after) {
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      if (!before.is_same(after, i)) changed.push_back(i);
    }
    if (changed.empty()) return;
    ++counts_.changed;
    visit_({.change = RowChange::kChanged,
            .key = key_of(before),
            .before = values_of(before),
            .after = values_of(after),
            .changed = std::move(changed)});
  }

  ComparedTable table_;
  Visit visit_;
  std::function<void()> tick_;
  std::uint64_t steps_ = 0;
  std::vector<std::size_t> key_;  // into the columns
  bool in_order_ = false;         // of rowids
  Side before_, after_;
  RowCounts counts_;
};

RowComparison::RowComparison(const TableSide& before, const TableSide& after, Visit visit,
                             std::function<void()> tick)
    : state_(std::make_unique<State>(before, after, std::move(visit), std::move(tick))) {}
RowComparison::~RowComparison() = default;
const ComparedTable& RowComparison::table() const { return state_->table(); }
bool RowComparison::has_ranges() const { return state_->has_ranges(); }
void RowComparison::compare(const RowidRange& range) { state_->compare(range); }
const RowCounts& RowComparison::counts() const { return state_->counts(); }

}  // namespace holdfast::sqlite
