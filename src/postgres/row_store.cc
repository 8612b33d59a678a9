#include "postgres/row_store.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "base/error.h"

namespace holdfast::postgres {
namespace {

// "Holdfast" in ASCII: among advisory locks, which are of one database.
constexpr std::int64_t kWritersLock = 0x486f6c6466617374;

// The column that a statement's parameter is for, where the server names the parameter alone:
// "unnamed portal parameter $2 = '…'".
std::string_view column_of_parameter(const Failure& failure, const Sql& sql) {
  const auto at = failure.context.find("parameter $");
  if (at == std::string::npos) return {};
  const auto number = std::strtoul(failure.context.c_str() + at + 11, nullptr, 10);
  return number == 0 || number > sql.values.size() ? std::string_view()
                                                   : sql.values[number - 1].column;
}

// "value too long for type character varying(3)" is all that a server says: these columns have the
// type.
std::string columns_of_type(const std::string& message, const TableLook& look, const Sql& sql) {
  std::string names;
  for (const Bound& bound : sql.values) {
    const auto column = look.facts.column(bound.column);
    if (!column) continue;
    const std::string& type = look.facts.columns[*column].declared_type;
    const bool numeric = message == "numeric field overflow" && type.starts_with("numeric");
    if (!numeric && !message.ends_with("type " + type)) continue;
    names += fmt::format("{}{}", names.empty() ? "" : " or ", bound.column);
  }
  return names;
}

std::string columns_to_blame(const Failure& failure, const TableLook* look, const Sql& sql) {
  if (!failure.column.empty()) return failure.column;
  if (const auto column = column_of_parameter(failure, sql); !column.empty()) {
    return std::string(column);
  }
  if (look == nullptr) return {};
  if (const auto known = look->constraints.find(failure.constraint);
      known != look->constraints.end()) {
    return known->second;
  }
  return columns_of_type(failure.message, *look, sql);
}

// The type alone, without its length: a cast to char(3) would cut a text short without a word.
std::string plain_type(std::string type) {
  if (type == "character" || type.starts_with("character(")) return "bpchar";
  if (type == "bit" || type.starts_with("bit(")) return "varbit";
  const auto open = type.find('('), close = type.find(')');
  if (type.starts_with('"') || open == std::string::npos || close == std::string::npos) return type;
  return type.erase(open, close - open + 1);
}

// Both as a type that keeps all they say: a date drops the time of day, a timestamp its zone.
std::string equality(const std::string& type) {
  if (type.starts_with("numeric")) return "$1::numeric = $2::numeric";
  if (type == "date" || type == "timestamp without time zone") {
    return "$1::timestamptz = $2::timestamptz";
  }
  if (type == "time without time zone") return "$1::timetz = $2::timetz";
  return fmt::format("($1::{0})::text = ($2::{0})::text", type);
}

}  // namespace

RowStore::RowStore(const Address& address, Timeouts timeouts)
    : connection_(address, timeouts), timeouts_(timeouts) {}

RowStore::~RowStore() { connection_.rollback(); }

const TableLook* RowStore::look(const std::string& table) {
  auto known = looks_.find(table);
  if (known == looks_.end()) {
    known = looks_.emplace(table, look_at_table(connection_, table)).first;
  }
  return known->second ? &*known->second : nullptr;
}

std::optional<TableFacts> RowStore::table(std::string_view name) {
  const TableLook* found = look(std::string(name));
  if (found == nullptr) {
    looks_.erase(looks_.find(name));  // it may be made the next moment, by ourselves
    return std::nullopt;
  }
  return found->facts;
}

bool RowStore::schema_changed() {
  if (!std::exchange(forgotten_, false) && !tables_changed(connection_, looks_)) return false;
  looks_.clear();
  return true;
}

void RowStore::forget_looks() {
  forgotten_ = forgotten_ || !looks_.empty();
  looks_.clear();
}

void RowStore::rollback() noexcept {
  connection_.rollback();
  forget_looks();  // of tables that were made in vain
}

void RowStore::run(const std::string& sql) {
  // Two who make the same table at once would get in each other's way in the catalogue.
  connection_.script(fmt::format("SELECT pg_advisory_xact_lock({})", kWritersLock));
  connection_.script(sql);
  forget_looks();
}

void RowStore::create_own_table(const std::string& name, const std::string& columns) {
  // Who may not create tables need not, where they are there.
  if (look_at_table(connection_, name)) return;
  run(fmt::format("CREATE TABLE IF NOT EXISTS {} ({})", quoted_table(name), columns));
}

void RowStore::begin() {
  try {
    connection_.script(
        fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
                    "SELECT pg_advisory_xact_lock({})",
                    kWritersLock));
  } catch (const Error&) {
    connection_.rollback();
    throw;
  }
  versions_.clear();
  last_own_.reset();
}

void RowStore::commit() {
  const auto results =
      connection_.script("COMMIT; SELECT pg_snapshot_xmax(pg_current_snapshot())::text");
  // A transaction that has failed is rolled back by COMMIT, which says so in its tag alone.
  if (results.size() != 2 || results[0].command() != "COMMIT") {
    throw Error(ErrorCode::kDatabaseBusy, "the transaction was rolled back instead of committed");
  }
  later_ = static_cast<std::uint64_t>(results[1].number(0, 0));
  found_foreign_ = found_nothing_ = false;
}

void RowStore::savepoint() { connection_.script("SAVEPOINT record"); }

void RowStore::release_savepoint() {
  // Checks what is checked late, and leaves it to be checked late for the next record, too.
  try {
    connection_.script(
        "SAVEPOINT late; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO late; RELEASE record");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kRecordRejected) throw;
    const Failure& failure = connection_.failure();
    const auto its = looks_.find(failure.table);
    if (its == looks_.end() || !its->second) throw;
    const auto columns = its->second->constraints.find(failure.constraint);
    if (columns == its->second->constraints.end()) throw;
    throw Error(error.code(),
                fmt::format("column {}.{}: {}", failure.table, columns->second, error.happened()));
  }
}

void RowStore::roll_back_to_savepoint() {
  connection_.script("ROLLBACK TO record; RELEASE record");
}

Result RowStore::write(const std::string& table, Sql sql, bool tells_rows) {
  // Before it fails: afterwards the transaction would answer no question.
  const TableLook* const its = look(table);
  const bool versions = tells_rows && its != nullptr && its->tells_row_versions;
  if (versions) sql.text += sql.returns ? ", xmin::text" : " RETURNING xmin::text";
  try {
    Result result = connection_.query(sql.text, sql.values);
    for (std::size_t i = 0; versions && i < result.rows(); ++i) {
      const auto version = static_cast<std::uint32_t>(result.number(i, result.columns() - 1));
      versions_.insert(version);
      // These numbers go round.
      const bool newer = !last_own_ || static_cast<std::int32_t>(version - *last_own_) > 0;
      if (newer) last_own_ = version;
    }
    return result;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kRecordRejected || connection_.failure().state.empty()) throw;
    const std::string columns = columns_to_blame(connection_.failure(), its, sql);
    if (columns.empty()) throw;
    throw Error(error.code(), fmt::format("column {}.{}: {}", table, columns, error.happened()));
  }
}

Result RowStore::read(const Sql& sql) {
  try {
    return connection_.query(sql.text, sql.values);
  } catch (const Error& error) {
    // What a column cannot hold is in no row of it.
    if (error.code() != ErrorCode::kRecordRejected) throw;
    const auto column = column_of_parameter(connection_.failure(), sql);
    throw Error(
        ErrorCode::kRecordInvalid,
        column.empty() ? error.happened() : fmt::format("column {}: {}", column, error.happened()));
  }
}

std::uint64_t RowStore::update(const std::string& table, const std::vector<std::string>& columns,
                               std::span<const Value> values, const RowKey& key) {
  return write(table, update_sql(table, columns, values, key), true).affected();
}

Row RowStore::insert(const std::string& table, const std::vector<std::string>& columns,
                     std::span<const Value> values, const std::vector<std::string>& returned) {
  const Result result = write(table, insert_sql(table, columns, values, returned), true);
  return result.rows() == 0 ? Row() : result.row(0, returned.size());
}

std::uint64_t RowStore::remove(const std::string& table, const RowKey& key) {
  return write(table, delete_sql(table, key), false).affected();
}

std::vector<Row> RowStore::select(const RowQuery& query) {
  const TableLook* const its = look(query.table);
  const bool versions = its != nullptr && its->has_row_versions && in_transaction();
  const Result result = read(select_sql(query, its, versions ? ", xmin::text" : ""));
  const std::size_t columns = result.columns() - (versions ? 1 : 0);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    rows.push_back(result.row(i, columns));
    if (versions) versions_.insert(static_cast<std::uint32_t>(result.number(i, columns)));
  }
  return rows;
}

std::uint64_t RowStore::count(const RowQuery& query) {
  return static_cast<std::uint64_t>(read(count_sql(query, look(query.table))).number(0, 0));
}

Connection& RowStore::reader() {
  if (!other_ || other_->lost()) {
    other_ = std::make_unique<Connection>(connection_.address(), timeouts_);
  }
  return *other_;
}

std::vector<Row> RowStore::read_back(const RowQuery& query) {
  const TableLook* const its = look(query.table);
  const bool versions = its != nullptr && its->has_row_versions;
  const Sql sql = select_sql(query, its, versions ? ", xmin::text" : ", ''");
  const Result result = reader().query(sql.text, sql.values);
  const std::size_t columns = query.columns.empty() ? 1 : query.columns.size();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    rows.push_back(result.row(i, columns));
    if (!versions) {
      found_foreign_ = true;
      continue;
    }
    const auto version = static_cast<std::uint32_t>(result.number(i, columns));
    found_foreign_ = found_foreign_ || !versions_.contains(version);
  }
  found_nothing_ = found_nothing_ || rows.empty();
  return rows;
}

bool RowStore::others_wrote() {
  if (in_transaction()) return true;
  if (std::exchange(found_foreign_, false)) return true;
  if (!std::exchange(found_nothing_, false)) return false;
  // Somebody has deleted it, unless nobody has done anything since.
  if (!last_own_ || static_cast<std::uint32_t>(later_ - 1) != *last_own_) return true;
  const Result now =
      connection_.query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
  return static_cast<std::uint64_t>(now.number(0, 0)) != later_;
}

bool RowStore::holds_equal(const ColumnFacts& column, const Value& wanted, const Value& stored) {
  if (column.kind != ColumnKind::kText && column.kind != ColumnKind::kDecimal) return false;
  if (is_null(wanted) || is_null(stored) || std::holds_alternative<Bytes>(wanted)) return false;
  const std::string type = plain_type(column.declared_type);
  // These cut a value short in silence, also where it is only cast.
  if (type.empty() || type == "name" || type == "\"char\"") return false;
  const std::array<Bound, 2> values{Bound{.value = &wanted, .column = column.name},
                                    Bound{.value = &stored, .column = column.name}};
  return connection_.query("SELECT " + equality(type), values).truth(0, 0);
}

}  // namespace holdfast::postgres
