#include "sqlite/row_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <functional>
#include <unordered_map>
#include <utility>

#include "sqlite/companion_files.h"
#include "sqlite/gathered_log.h"
#include "sqlite/sqlite_error.h"
#include "sqlite/table_facts.h"
#include "sqlite/table_shape.h"
#include "sqlite/value_binding.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kMostStatements = 200;
constexpr std::string_view kOwnPrefix = "_holdfast_";

std::filesystem::path checked(const std::filesystem::path& path) {
  // SQLite takes an empty file for a database, and would begin one in it.
  const auto stamp = FileStamp::of(path);
  if (stamp && stamp->size == 0) {
    throw Error(ErrorCode::kDatabaseEmpty, fmt::format("{} is empty", path.string()));
  }
  return path;
}

Error step_error(int result, sqlite3* connection) {
  const std::string message = sqlite3_errmsg(connection);
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return Error(ErrorCode::kRecordRejected, message);
    case SQLITE_ERROR:
      if (message.starts_with("no such table")) return Error(ErrorCode::kTableMissing, message);
      break;
    default:
      break;
  }
  return sqlite_error(result, connection, "writing records");
}

std::string column_names(const std::vector<std::string>& columns) {
  return columns.empty() ? "1" : quoted_list(columns);
}

std::string key_condition(const RowKey& key) {
  std::string condition;
  for (const std::string& column : key.columns) {
    condition +=
        fmt::format("{}{} = ?", condition.empty() ? " WHERE " : " AND ", quoted_name(column));
  }
  return condition;
}

std::string_view comparison(RowCondition::Is is) {
  using Is = RowCondition::Is;
  switch (is) {
    case Is::kEqual:
      return "{} IS ?";
    case Is::kUnequal:
      return "{} IS NOT ?";
    case Is::kLess:
      return "{} < ?";
    case Is::kLessOrEqual:
      return "{} <= ?";
    case Is::kGreater:
      return "{} > ?";
    case Is::kGreaterOrEqual:
      return "{} >= ?";
    case Is::kContains:
      break;
  }
  return "instr(lower({}), lower(?)) > 0";
}

std::string conditions_of(const RowQuery& query) {
  std::string sql;
  for (const RowCondition& condition : query.conditions) {
    sql += sql.empty() ? " WHERE " : " AND ";
    sql += fmt::format(fmt::runtime(comparison(condition.is)), quoted_name(condition.column));
  }
  if (!query.where.empty()) {
    sql += fmt::format("{}({})", sql.empty() ? " WHERE " : " AND ", query.where);
  }
  return sql;
}

std::vector<const Value*> pointers(std::span<const Value> values, std::span<const Value> more) {
  std::vector<const Value*> all;
  for (const Value& value : values) all.push_back(&value);
  for (const Value& value : more) all.push_back(&value);
  return all;
}

std::vector<const Value*> pointers(const RowQuery& query) {
  std::vector<const Value*> all;
  for (const RowCondition& condition : query.conditions) all.push_back(&condition.value);
  return all;
}

std::string select_text(const RowQuery& query, const std::string& table) {
  std::string sql =
      fmt::format("SELECT {} FROM {}{}", column_names(query.columns), table, conditions_of(query));
  for (std::size_t i = 0; i < query.order.size(); ++i) {
    sql += fmt::format("{}{}{}", i == 0 ? " ORDER BY " : ", ", quoted_name(query.order[i].column),
                       query.order[i].descending ? " DESC" : "");
  }
  if (query.limit || query.offset > 0) {
    sql += fmt::format(" LIMIT {} OFFSET {}",
                       query.limit ? static_cast<std::int64_t>(*query.limit) : -1, query.offset);
  }
  return sql;
}

// A statement by what tells it from others: what it does, and the names in it. To put these
// together costs a fraction of what the statement's text does, which is made once.
class Shape {
 public:
  explicit Shape(std::string_view verb) { add(verb); }
  Shape(std::string_view verb, const RowQuery& query) {
    add(verb).add(query.table).add(query.columns).add(query.where);
    for (const RowCondition& condition : query.conditions) {
      add(condition.column) += static_cast<char>('0' + static_cast<int>(condition.is));
    }
    add("");
    for (const RowQuery::Order& order : query.order) {
      add(order.column) += order.descending ? '-' : '+';
    }
    add("");
    if (query.limit) text_ += std::to_string(*query.limit);
    add("").text_ += std::to_string(query.offset);
  }
  Shape& add(std::string_view part) {
    text_.append(part) += '\0';
    return *this;
  }
  Shape& add(const std::vector<std::string>& parts) {
    for (const std::string& part : parts) add(part);
    return add("");
  }
  Shape& operator+=(char mark) {
    text_ += mark;
    return *this;
  }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

class RowStore::Statements {
 public:
  explicit Statements(sqlite3* connection) : connection_(connection) {}

  // Runs it with these values; calls `each` for every row. `sql` makes its text.
  template <typename Text, typename Each>
  void run(const Shape& shape, Text&& sql, std::span<const Value* const> values, Each&& each) {
    Statement& statement = prepared(shape.text(), std::forward<Text>(sql));
    // Whatever happens: a statement left in the middle would keep its locks.
    const Resetting resetting{statement};
    int parameter = 0;
    for (const Value* value : values) {
      const auto* real = std::get_if<double>(value);
      if (real != nullptr && std::isnan(*real)) {
        throw Error(ErrorCode::kRecordRejected, "SQLite cannot hold NaN: it would become NULL");
      }
      bind_value(statement, ++parameter, *value);
    }
    for (;;) {
      const int result = sqlite3_step(statement.get());
      if (result == SQLITE_DONE) return;
      if (result != SQLITE_ROW) throw step_error(result, connection_);
      each(std::as_const(statement));
    }
  }
  void run(const std::string& sql) {
    run(Shape(sql), [&] { return sql; }, {}, [](const Statement&) {});
  }
  template <typename Text>
  std::vector<Row> rows(const Shape& shape, Text&& sql, std::span<const Value* const> values) {
    std::vector<Row> rows;
    run(shape, std::forward<Text>(sql), values, [&](const Statement& statement) {
      Row row(static_cast<std::size_t>(sqlite3_column_count(statement.get())));
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = column_value(statement, static_cast<int>(i));
      }
      rows.push_back(std::move(row));
    });
    return rows;
  }
  // `table` makes the name of the query's table.
  template <typename Table>
  std::vector<Row> select(const RowQuery& query, Table&& table) {
    return rows(
        Shape("select", query), [&] { return select_text(query, table()); }, pointers(query));
  }
  std::int64_t number(const std::string& sql) {
    std::int64_t answer = 0;
    run(
        Shape(sql), [&] { return sql; }, {},
        [&](const Statement& statement) { answer = statement.integer(0); });
    return answer;
  }

 private:
  struct Resetting {
    Statement& statement;
    ~Resetting() {
      statement.reset();
      sqlite3_clear_bindings(statement.get());
    }
  };

  template <typename Text>
  Statement& prepared(std::string_view shape, Text&& text) {
    if (const auto found = statements_.find(shape); found != statements_.end()) {
      return found->second;
    }
    if (statements_.size() >= kMostStatements) statements_.clear();
    const std::string sql = text();
    sqlite3_stmt* unused = nullptr;
    // Its own look, because a table that is not there is told by the message alone.
    const int result = sqlite3_prepare_v2(connection_, sql.c_str(), static_cast<int>(sql.size()),
                                          &unused, nullptr);
    sqlite3_finalize(unused);
    if (result != SQLITE_OK) throw step_error(result, connection_);
    return statements_.emplace(shape, Statement(connection_, sql)).first->second;
  }

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  sqlite3* connection_;
  std::unordered_map<std::string, Statement, Hash, std::equal_to<>> statements_;
};

RowStore::RowStore(const std::filesystem::path& path, RowStoreOptions options)
    : path_(checked(path)),
      options_(options),
      connection_(path, Access::kReadWrite, options.busy_timeout, gathered_log_vfs()),
      statements_(std::make_unique<Statements>(connection_.get())) {
  if (const auto stamp = FileStamp::of(path_)) {
    inode_ = stamp->inode;
    device_ = stamp->device;
  }
  const auto log = FileStamp::of(wal_path(connection_.resolved_path()));
  connection_.checkpoint_on_close(!log || log->size == 0);
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  connection_.execute("PRAGMA synchronous = FULL");  // without it nothing may be gathered
  // What was written to the log before its commit and then taken back, also to a savepoint only,
  // lets some versions of SQLite (3.40 is one) give later frames checksums that no recovery
  // accepts: everybody reads the commit, until a crash.
  connection_.execute("PRAGMA cache_spill = OFF");
  if (options.own_tables_beside) {
    const std::string beside = own_tables_path(connection_.resolved_path());
    // Attaching makes no file where there is none: a connection of its own does.
    Connection(beside, Access::kCreate, options.busy_timeout);
    connection_.execute(fmt::format("ATTACH {} AS holdfast", quoted_text(beside)).c_str());
    connection_.execute("PRAGMA holdfast.synchronous = FULL");
  }
}

RowStore::~RowStore() { rollback(); }

std::string RowStore::qualified(std::string_view table) const {
  const bool beside = options_.own_tables_beside && table.starts_with(kOwnPrefix);
  return fmt::format("{}.{}", beside ? "holdfast" : "main", quoted_name(table));
}

std::optional<TableFacts> RowStore::table(std::string_view name) {
  return table_facts(connection_.get(), name);
}

bool RowStore::schema_changed() {
  const auto version = statements_->number("PRAGMA main.schema_version");
  return std::exchange(schema_version_, version) != version;
}

void RowStore::run(const std::string& sql) {
  const int result = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) throw step_error(result, connection_.get());
}

void RowStore::create_own_table(const std::string& name, const std::string& columns) {
  run(fmt::format("CREATE TABLE IF NOT EXISTS {} ({}) WITHOUT ROWID", qualified(name), columns));
}

void RowStore::begin() { statements_->run("BEGIN IMMEDIATE"); }
void RowStore::commit() { statements_->run("COMMIT"); }

void RowStore::rollback() noexcept {
  if (!connection_.in_transaction()) return;
  sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void RowStore::savepoint() { statements_->run("SAVEPOINT record"); }

void RowStore::release_savepoint() {
  int now = 0, most = 0;
  sqlite3_db_status(connection_.get(), SQLITE_DBSTATUS_DEFERRED_FKS, &now, &most, 0);
  if (now != 0) throw Error(ErrorCode::kRecordRejected, "FOREIGN KEY constraint failed");
  statements_->run("RELEASE record");
}

void RowStore::roll_back_to_savepoint() {
  statements_->run("ROLLBACK TO record");
  statements_->run("RELEASE record");
}

std::uint64_t RowStore::update(const std::string& table, const std::vector<std::string>& columns,
                               std::span<const Value> values, const RowKey& key) {
  const auto sql = [&] {
    std::string set;
    for (const std::string& column : columns) {
      set += fmt::format("{}{} = ?", set.empty() ? "" : ", ", quoted_name(column));
    }
    return fmt::format("UPDATE {} SET {}{}", qualified(table), set, key_condition(key));
  };
  statements_->run(Shape("update").add(table).add(columns).add(key.columns), sql,
                   pointers(values, key.values), [](const Statement&) {});
  return static_cast<std::uint64_t>(sqlite3_changes64(connection_.get()));
}

Row RowStore::insert(const std::string& table, const std::vector<std::string>& columns,
                     std::span<const Value> values, const std::vector<std::string>& returned) {
  const auto sql = [&] {
    std::string text = fmt::format("INSERT INTO {} ", qualified(table));
    if (columns.empty()) {
      text += "DEFAULT VALUES";
    } else {
      std::string marks = "?";
      for (std::size_t i = 1; i < columns.size(); ++i) marks += ", ?";
      text += fmt::format("({}) VALUES ({})", quoted_list(columns), marks);
    }
    if (!returned.empty()) text += " RETURNING " + quoted_list(returned);
    return text;
  };
  auto rows = statements_->rows(Shape("insert").add(table).add(columns).add(returned), sql,
                                pointers(values, {}));
  return rows.empty() ? Row() : std::move(rows.front());
}

std::uint64_t RowStore::remove(const std::string& table, const RowKey& key) {
  statements_->run(
      Shape("delete").add(table).add(key.columns),
      [&] { return fmt::format("DELETE FROM {}{}", qualified(table), key_condition(key)); },
      pointers({}, key.values), [](const Statement&) {});
  return static_cast<std::uint64_t>(sqlite3_changes64(connection_.get()));
}

std::vector<Row> RowStore::select(const RowQuery& query) {
  return statements_->select(query, [&] { return qualified(query.table); });
}

std::uint64_t RowStore::count(const RowQuery& query) {
  const auto rows = statements_->rows(
      Shape("count", query),
      [&] {
        return fmt::format("SELECT count(*) FROM {}{}", qualified(query.table),
                           conditions_of(query));
      },
      pointers(query));
  return static_cast<std::uint64_t>(std::get<std::int64_t>(rows.at(0).at(0)));
}

RowStore::Statements& RowStore::reader() {
  if (!other_statements_) {
    other_ = std::make_unique<Connection>(path_, Access::kReadOnly, options_.busy_timeout);
    other_statements_ = std::make_unique<Statements>(other_->get());
  }
  return *other_statements_;
}

std::vector<Row> RowStore::read_back(const RowQuery& query) {
  return reader().select(query, [&] { return "main." + quoted_name(query.table); });
}

void RowStore::begin_reading_back() { reader().run("BEGIN"); }

void RowStore::end_reading_back() noexcept {
  if (other_ && other_->in_transaction()) {
    sqlite3_exec(other_->get(), "COMMIT", nullptr, nullptr, nullptr);
  }
}

bool RowStore::others_wrote() {
  const auto version = statements_->number("PRAGMA main.data_version");
  return std::exchange(data_version_, version) != version;
}

bool RowStore::was_replaced() {
  const auto stamp = FileStamp::of(path_);
  return !stamp || stamp->inode != inode_ || stamp->device != device_;
}

}  // namespace holdfast::sqlite
