#include "sqlite/view_reader.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/error.h"
#include "sqlite/sqlite_error.h"
#include "sqlite/table_facts.h"
#include "sqlite/value_binding.h"

namespace holdfast::sqlite {
namespace {

// Rows in the order of a key lie anywhere in the file: what SQLite keeps by itself (2 MB) is read
// again and again. Twins share what one reader alone would keep.
constexpr int kKeptAlone = 28000, kKeptOfTwins = 14000;  // KiB

std::string_view comparison_of(RowCondition::Is is) {
  switch (is) {
    case RowCondition::Is::kEqual:
      return "IS";
    case RowCondition::Is::kLess:
      return "<";
    case RowCondition::Is::kGreaterOrEqual:
      return ">=";
    default:
      throw Error(ErrorCode::kUnsupported, "a view is read by equality and ranges of columns only");
  }
}

std::string select_text(const RowQuery& query) {
  std::string sql = "SELECT ";
  for (std::size_t i = 0; i < query.columns.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + quoted_name(query.columns[i]);
  }
  if (query.columns.empty()) sql += "1";
  sql += " FROM main." + quoted_name(query.table);
  for (std::size_t i = 0; i < query.conditions.size(); ++i) {
    const RowCondition& condition = query.conditions[i];
    sql += fmt::format("{}{} {} ?", i == 0 ? " WHERE " : " AND ", quoted_name(condition.column),
                       comparison_of(condition.is));
  }
  for (std::size_t i = 0; i < query.order.size(); ++i) {
    sql += fmt::format("{}{}{}", i == 0 ? " ORDER BY " : ", ", quoted_name(query.order[i].column),
                       query.order[i].descending ? " DESC" : "");
  }
  if (query.limit) sql += fmt::format(" LIMIT {}", *query.limit);
  return sql;
}

void bind_conditions(Statement& statement, const RowQuery& query) {
  int parameter = 0;
  for (const RowCondition& condition : query.conditions) {
    bind_value(statement, ++parameter, condition.value);
  }
}

// The pages that another source has a view of: read() of a source is for any number of threads.
class SharedPages final : public PageReader {
 public:
  explicit SharedPages(PageSource& source) : source_(source) {}
  Geometry geometry() const override { return source_.geometry(); }
  void read(PageNumber first, MutableByteView out) override { source_.read(first, out); }

 private:
  PageSource& source_;
};

class ViewScan final : public RowScan {
 public:
  ViewScan(sqlite3* connection, const RowQuery& query)
      : statement_(connection, select_text(query)), values_(query.columns.size()) {
    // What is bound must outlive the statement's run.
    conditions_ = query;
    bind_conditions(statement_, conditions_);
  }

  bool next() override {
    if (!statement_.step()) return false;
    sqlite3_stmt* from = statement_.get();
    for (int i = 0; i < static_cast<int>(values_.size()); ++i) {
      fill(from, i, values_[static_cast<std::size_t>(i)]);
    }
    return true;
  }
  std::span<const Cell> row() const override { return values_; }

 private:
  static void fill(sqlite3_stmt* from, int column, Cell& cell) {
    const auto bytes = [&](const void* at) {
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(from, column));
      if (at == nullptr && size > 0) throw Error(ErrorCode::kSqlite, "out of memory for a value");
      return std::string_view(static_cast<const char*>(at), at == nullptr ? 0 : size);
    };
    switch (sqlite3_column_type(from, column)) {
      case SQLITE_INTEGER:
        cell.type = Cell::Type::kInteger;
        cell.integer = sqlite3_column_int64(from, column);
        return;
      case SQLITE_FLOAT:
        cell.type = Cell::Type::kReal;
        cell.real = sqlite3_column_double(from, column);
        return;
      case SQLITE_TEXT:
        cell.type = Cell::Type::kText;
        cell.bytes = bytes(sqlite3_column_text(from, column));
        return;
      case SQLITE_BLOB:
        cell.type = Cell::Type::kBlob;
        cell.bytes = bytes(sqlite3_column_blob(from, column));
        return;
      default:
        cell.type = Cell::Type::kNull;
    }
  }

  Statement statement_;
  RowQuery conditions_;
  std::vector<Cell> values_;
};

}  // namespace

ViewReader::ViewReader(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout)
    : view_(path, busy_timeout) {
  keep_in_memory(kKeptAlone);
}

ViewReader::ViewReader(std::unique_ptr<PageSource> source) : view_(std::move(source)) {}

ViewReader::ViewReader(std::unique_ptr<PageReader> pages)
    : pages_(std::move(pages)), view_(open_page_reader(*pages_)) {
  keep_in_memory(kKeptOfTwins);
}

std::unique_ptr<RowReader> ViewReader::twin() {
  keep_in_memory(kKeptOfTwins);
  return std::unique_ptr<RowReader>(new ViewReader(std::make_unique<SharedPages>(view_.source())));
}

void ViewReader::keep_in_memory(int kibibytes) {
  Statement(view_.connection(), fmt::format("PRAGMA main.cache_size = -{}", kibibytes)).step();
}

std::optional<TableFacts> ViewReader::table(std::string_view name) {
  return table_facts(view_.connection(), name);
}

std::unique_ptr<RowScan> ViewReader::scan(const RowQuery& query) {
  return std::make_unique<ViewScan>(view_.connection(), query);
}

std::vector<Row> ViewReader::select(const RowQuery& query) {
  const std::string sql = select_text(query);
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found = statements_.emplace(sql, Statement(view_.connection(), sql)).first;
  }
  Statement& statement = found->second;
  statement.reset();
  bind_conditions(statement, query);
  std::vector<Row> rows;
  while (statement.step()) {
    Row row(query.columns.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = column_value(statement, static_cast<int>(i));
    }
    rows.push_back(std::move(row));
  }
  statement.reset();
  return rows;
}

std::uint64_t ViewReader::size() const {
  const Geometry geometry = view_.source().geometry();
  return std::uint64_t{geometry.page_size} * geometry.page_count;
}

}  // namespace holdfast::sqlite
