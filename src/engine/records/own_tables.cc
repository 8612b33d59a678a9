#include "engine/records/own_tables.h"

#include <algorithm>

#include "engine/records/child_rows.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kMostForgotten = 1000;
constexpr const char* kAnswerOf = "/answer";
constexpr const char* kRefusalOf = "/refused";
constexpr const char* kGroupOf = "/group";

Value number_of(Time time) { return std::int64_t{time.time_since_epoch().count()}; }

Value key_text(const Row& key) {
  Record list = Record::array();
  for (const Value& value : key) list.push_back(value_to_json(value, ColumnKind::kAny));
  return record_text(list);
}

RowKey tombstone_key(const std::string& table, const Row& key) {
  return {.columns = {"table_name", "record_key"}, .values = {table, key_text(key)}};
}

Record list_in(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  Record list = parse_record_json(text == nullptr ? "" : *text, "a tombstone");
  if (!list.is_array()) throw Error(ErrorCode::kRecordInvalid, "a tombstone's key is no list");
  return list;
}

}  // namespace

std::vector<std::string> tombstone_columns() {
  return {"table_name", "record_key", "key_columns", "deleted_at"};
}

Tombstone tombstone_of(const Row& row) {
  const auto* table = std::get_if<std::string>(&row.at(0));
  const auto* deleted = std::get_if<std::int64_t>(&row.at(3));
  if (table == nullptr || deleted == nullptr) {
    throw Error(ErrorCode::kRecordInvalid, "a tombstone names no table, or no time");
  }
  Tombstone tombstone{
      .table = *table, .key_columns = {}, .key = {}, .deleted = Time(Duration(*deleted))};
  for (const Record& value : list_in(row.at(1))) {
    tombstone.key.push_back(value_from_json(value, ColumnKind::kAny, "key"));
  }
  for (const Record& column : list_in(row.at(2))) {
    if (!column.is_string())
      throw Error(ErrorCode::kRecordInvalid, "a tombstone's column has no name");
    tombstone.key_columns.push_back(column);
  }
  return tombstone;
}

void OwnTables::create() {
  session_.create_own_table(kWritesTable,
                            "id TEXT PRIMARY KEY, record TEXT, expires BIGINT NOT NULL");
  session_.create_own_table(kTombstonesTable,
                            "table_name TEXT, record_key TEXT, key_columns TEXT NOT NULL, "
                            "deleted_at BIGINT NOT NULL, PRIMARY KEY (table_name, record_key)");
}

std::optional<std::string> OwnTables::find_write(const std::string& id) {
  const auto rows = session_.select({.table = kWritesTable,
                                     .columns = {"record"},
                                     .conditions = equal_to({.columns = {"id"}, .values = {id}}),
                                     .order = {},
                                     .limit = {}});
  if (rows.empty()) return std::nullopt;
  const auto* record = std::get_if<std::string>(&rows[0][0]);
  return record == nullptr ? std::string() : *record;
}

void OwnTables::remember_write(const std::string& id, const std::string& record, Time expires) {
  const Row row{id, record, number_of(expires)};
  session_.insert(kWritesTable, {"id", "record", "expires"}, row, {});
}

std::optional<std::string> OwnTables::find_answer(const std::string& id) {
  return find_write(id + kAnswerOf);
}

void OwnTables::remember_answer(const std::string& id, const std::string& answer, Time expires) {
  remember_write(id + kAnswerOf, answer, expires);
}

std::optional<Error> OwnTables::find_refusal(const std::string& id) {
  const auto text = find_write(id + kRefusalOf);
  if (!text) return std::nullopt;
  const Record json = parse_record_json(*text, "a remembered refusal");
  const auto known =
      std::ranges::find(error_catalogue(), json.value("code", ""), &ErrorEntry::name);
  return Error(known == error_catalogue().end() ? ErrorCode::kRecordRejected : known->code,
               json.value("why", ""));
}

void OwnTables::remember_refusal(const std::string& id, const Error& why, Time expires) {
  if (find_write(id + kRefusalOf)) return;
  const Record json = {{"code", why.name()}, {"why", why.happened()}};
  remember_write(id + kRefusalOf, record_text(json), expires);
}

std::map<std::string, std::string> OwnTables::find_group(const std::string& group) {
  const auto text = find_write(group + kGroupOf);
  if (!text) return {};
  return parse_record_json(*text, "a remembered group").get<std::map<std::string, std::string>>();
}

void OwnTables::remember_group(const std::string& group,
                               const std::map<std::string, std::string>& records, Time expires) {
  forget_group(group);
  remember_write(group + kGroupOf, record_text(Record(records)), expires);
}

void OwnTables::forget_write(const std::string& id) {
  session_.remove(kWritesTable, {.columns = {"id"}, .values = {id}});
}

void OwnTables::forget_group(const std::string& group) { forget_write(group + kGroupOf); }

void OwnTables::forget_expired(Time now) {
  const RowCondition expired{
      .column = "expires", .is = RowCondition::Is::kLess, .value = number_of(now)};
  const auto rows = session_.select({.table = kWritesTable,
                                     .columns = {"id"},
                                     .conditions = {expired},
                                     .order = {},
                                     .limit = kMostForgotten});
  for (const Row& row : rows) session_.remove(kWritesTable, {.columns = {"id"}, .values = row});
}

bool OwnTables::has_tombstones(const std::string& table) {
  const auto [known, is_new] = has_tombstones_.try_emplace(table, false);
  if (is_new) {
    known->second =
        !session_
             .select({.table = kTombstonesTable,
                      .columns = {},
                      .conditions = equal_to({.columns = {"table_name"}, .values = {table}}),
                      .order = {},
                      .limit = 1})
             .empty();
  }
  return known->second;
}

bool OwnTables::is_buried(const std::string& table, const Row& key) {
  if (!has_tombstones(table)) return false;
  return !session_
              .select({.table = kTombstonesTable,
                       .columns = {},
                       .conditions = equal_to(tombstone_key(table, key)),
                       .order = {},
                       .limit = {}})
              .empty();
}

void OwnTables::bury(const Tombstone& tombstone) {
  if (is_buried(tombstone.table, tombstone.key)) return;
  const Row row{tombstone.table, key_text(tombstone.key),
                record_text(Record(tombstone.key_columns)), number_of(tombstone.deleted)};
  session_.insert(kTombstonesTable, {"table_name", "record_key", "key_columns", "deleted_at"}, row,
                  {});
  has_tombstones_[tombstone.table] = true;
}

bool OwnTables::unbury(const std::string& table, const Row& key) {
  return session_.remove(kTombstonesTable, tombstone_key(table, key)) > 0;
}

std::vector<Tombstone> OwnTables::tombstones(const std::string& table) {
  RowQuery query{.table = kTombstonesTable,
                 .columns = tombstone_columns(),
                 .conditions = {},
                 .order = {},
                 .limit = {}};
  if (!table.empty()) query.conditions = equal_to({.columns = {"table_name"}, .values = {table}});
  std::vector<Tombstone> found;
  std::vector<Row> rows;
  try {
    rows = session_.select(query);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTableMissing) throw;
  }
  for (const Row& row : rows) found.push_back(tombstone_of(row));
  return found;
}

}  // namespace holdfast::engine
