#include "sqlite/buried_rows.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "sqlite/companion_files.h"
#include "sqlite/value_binding.h"

namespace holdfast::sqlite {
namespace {

constexpr char kRevoked[] = "temp.revoked_tombstones";

bool has_all(const TableShape& table, const std::vector<std::string>& columns) {
  return std::ranges::all_of(columns, [&](const auto& name) { return table.has_column(name); });
}

// "?, ?", "part_0, part_1", "part_0 = ? AND part_1 = ?"
std::string repeated(std::size_t count, std::string_view text, std::string_view between) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list += between;
    list += fmt::format(fmt::runtime(text), i);
  }
  return list;
}

std::string values_in(const std::string& table, const std::vector<std::string>& columns) {
  std::vector<std::string> names;
  for (const std::string& column : columns) {
    names.push_back(fmt::format("{}.{}", quoted_name(table), quoted_name(column)));
  }
  return row_value(names);
}

// Whether there is a row of an answer.
bool run_with(Statement& statement, const Row& values) {
  statement.reset();
  int parameter = 0;
  for (const Value& value : values) bind_value(statement, ++parameter, value);
  return statement.step();
}

bool run_with(sqlite3* connection, const std::string& sql, const Row& values) {
  Statement statement = Statement::only(connection, sql);
  return run_with(statement, values);
}

}  // namespace

BuriedRows::BuriedRows(const WriteTransaction& transaction, const Tombstones& tombstones,
                       const TableShapes& history, const TableShapes& present,
                       std::chrono::milliseconds busy_timeout)
    : transaction_(transaction), tombstones_(tombstones), history_(history), present_(present) {
  if (tombstones.table.empty()) return;
  transaction.run(fmt::format("CREATE TABLE {} ({})", kRevoked,
                              repeated(tombstones.columns.size(), "part_{}", ", ")));
  if (is_kept_in(present)) read(transaction.get(), "main", false);
  const auto beside = own_tables_path(transaction.path());
  if (const auto stamp = FileStamp::of(beside); stamp && stamp->size > 0) {
    const Connection connection(beside, Access::kReadOnly, busy_timeout);
    if (is_kept_in(table_shapes(connection.get(), "main"))) read(connection.get(), "main", false);
  }
  if (is_kept_in(history)) read(transaction.get(), "history", true);
}

bool BuriedRows::is_kept_in(const TableShapes& tables) const {
  const auto found = tables.find(tombstones_.table);
  return found != tables.end() && found->second.kind == TableShape::Kind::kTable &&
         has_all(found->second, tombstones_.columns);
}

void BuriedRows::read(sqlite3* connection, std::string_view schema, bool of_history) {
  Statement rows(connection, fmt::format("SELECT {} FROM {}.{}", quoted_list(tombstones_.columns),
                                         schema, quoted_name(tombstones_.table)));
  while (rows.step()) {
    Row tombstone;
    for (std::size_t i = 0; i < tombstones_.columns.size(); ++i) {
      tombstone.push_back(column_value(rows, static_cast<int>(i)));
    }
    const Tombstones::Deleted deleted = tombstones_.read(tombstone);
    const Row& key = deleted.key.values;
    if (key.empty() || key.size() != deleted.key.columns.size()) {
      unreadable_.push_back(deleted.table);
      continue;
    }
    Group& group = group_of(deleted);
    run_with(group.insert, key);
    const bool is_new = sqlite3_changes64(transaction_.get()) > 0;
    if (is_new && of_history && is_present(group, key)) revoke(group, key, tombstone);
  }
}

BuriedRows::Group& BuriedRows::group_of(const Tombstones::Deleted& deleted) {
  const auto& columns = deleted.key.columns;
  for (Group& group : groups_) {
    if (same_name(group.table, deleted.table) && group.columns == columns) return group;
  }
  const std::string list = fmt::format("temp.buried_{}", groups_.size());
  const std::string parts = repeated(columns.size(), "part_{}", ", ");
  transaction_.run(fmt::format("CREATE TABLE {0} ({1}, PRIMARY KEY ({1}))", list, parts));
  Statement insert(transaction_.get(), fmt::format("INSERT OR IGNORE INTO {} VALUES ({})", list,
                                                   repeated(columns.size(), "?", ", ")));
  groups_.push_back({deleted.table, columns, list, std::move(insert)});
  return groups_.back();
}

bool BuriedRows::is_present(const Group& group, const Row& key) const {
  const auto table = present_.find(group.table);
  if (table == present_.end() || !has_all(table->second, group.columns)) return false;
  const std::string& name = table->second.name;
  return run_with(transaction_.get(),
                  fmt::format("SELECT 1 FROM main.{} WHERE {} = ({})", quoted_name(name),
                              values_in(name, group.columns), repeated(key.size(), "?", ", ")),
                  key);
}

void BuriedRows::revoke(const Group& group, const Row& key, const Row& tombstone) const {
  run_with(transaction_.get(),
           fmt::format("DELETE FROM {} WHERE {}", group.list,
                       repeated(key.size(), "part_{} = ?", " AND ")),
           key);
  run_with(
      transaction_.get(),
      fmt::format("INSERT INTO {} VALUES ({})", kRevoked, repeated(tombstone.size(), "?", ", ")),
      tombstone);
}

// A question for the parts of the keys that these columns name; empty if a column is no part.
std::string BuriedRows::keys_of(const Group& group, const std::vector<std::string>& columns) const {
  std::vector<std::string> parts;
  for (const std::string& column : columns) {
    const auto part = std::ranges::find_if(
        group.columns, [&](const auto& known) { return same_name(known, column); });
    if (part == group.columns.end()) return {};
    parts.push_back(fmt::format("part_{}", part - group.columns.begin()));
  }
  return fmt::format("SELECT {} FROM {}", fmt::join(parts, ", "), group.list);
}

std::string BuriedRows::has_key_of(const Group& group, const std::string& table) const {
  return fmt::format("{} IN ({})", values_in(table, group.columns), keys_of(group, group.columns));
}

std::string BuriedRows::belongs_to(const Group& group, const ForeignKey& belonging) const {
  const auto& to = belonging.to.empty() ? group.columns : belonging.to;
  if (to.size() != belonging.from.size()) return {};
  std::string owners = keys_of(group, to);
  if (owners.empty()) {
    const auto parent = history_.find(group.table);
    if (parent == history_.end() || !has_all(parent->second, to) ||
        !has_all(parent->second, group.columns)) {
      return {};
    }
    const std::string& name = parent->second.name;
    owners = fmt::format("SELECT {} FROM history.{} WHERE {}", quoted_list(to), quoted_name(name),
                         has_key_of(group, name));
  }
  return fmt::format("{} IN ({})", values_in(belonging.child, belonging.from), owners);
}

std::string BuriedRows::condition(const TableShape& table) const {
  std::vector<std::string> conditions;
  if (same_name(table.name, tombstones_.table) && is_kept_in(history_)) {
    conditions.push_back(fmt::format("{} IN (SELECT * FROM {})",
                                     values_in(table.name, tombstones_.columns), kRevoked));
  }
  for (const Group& group : groups_) {
    if (same_name(group.table, table.name)) conditions.push_back(has_key_of(group, table.name));
    for (const ForeignKey& belonging : tombstones_.belongings) {
      if (!same_name(belonging.child, table.name) || !same_name(belonging.parent, group.table) ||
          !has_all(table, belonging.from)) {
        continue;
      }
      std::string belongs = belongs_to(group, belonging);
      if (!belongs.empty()) conditions.push_back(std::move(belongs));
    }
  }
  return fmt::format("{}", fmt::join(conditions, " OR "));
}

std::string BuriedRows::obstacle(const TableShape& table) const {
  if (std::ranges::any_of(unreadable_,
                          [&](const auto& name) { return same_name(name, table.name); })) {
    return "a tombstone of it cannot be read";
  }
  for (const Group& group : groups_) {
    if (same_name(group.table, table.name) && !has_all(table, group.columns)) {
      return fmt::format("rows of it were deleted by {}, which the history does not have",
                         quoted_list(group.columns));
    }
  }
  return {};
}

}  // namespace holdfast::sqlite
