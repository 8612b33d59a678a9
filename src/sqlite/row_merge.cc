#include "sqlite/row_merge.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <functional>
#include <map>
#include <optional>

#include "base/error.h"
#include "sqlite/buried_rows.h"
#include "sqlite/statement.h"
#include "sqlite/table_shape.h"
#include "sqlite/write_transaction.h"

namespace holdfast::sqlite {
namespace {

// A name that no table has, for the present table beside the one of the history.
constexpr char kPresent[] = "holdfast_present";

std::string qualified(std::string_view table, const std::string& column) {
  return fmt::format("{}.{}", table, quoted_name(column));
}

class Merge {
 public:
  Merge(const WriteTransaction& transaction, const MergeRequest& request)
      : transaction_(transaction),
        history_(table_shapes(transaction.get(), "history")),
        present_(table_shapes(transaction.get(), "main")),
        buried_(transaction, request.tombstones, history_, present_, request.busy_timeout) {}

  MergeReport run();

 private:
  struct Added {
    TableShape table;       // as it is in the target
    std::string condition;  // which rows of it were inserted
    std::size_t report = 0;
  };

  bool is_content(const TableShape& table) const;
  void create_missing();
  void create_belongings();
  void try_each(const std::string& which, const std::function<void(const std::string&)>& created);
  void merge_table(const TableShape& from);
  void insert_rows(const TableShape& from, const TableShape& into, TableMerge& report);
  std::string insert_by_key(const TableShape& from, const TableShape& into,
                            const std::vector<std::string>& columns, TableMerge& report);
  std::string insert_by_content(const TableShape& from, const TableShape& into,
                                const std::vector<std::string>& columns, TableMerge& report);
  void remove_orphans();
  void raise_sequences();

  const WriteTransaction& transaction_;
  TableShapes history_, present_;
  const BuriedRows buried_;
  std::vector<Added> added_;
  MergeReport report_;
};

// The shadow table of a full-text index that keeps its own content: the rest is made from it.
bool Merge::is_content(const TableShape& table) const {
  constexpr std::string_view kSuffix = "_content";
  if (table.kind != TableShape::Kind::kShadow || !table.name.ends_with(kSuffix)) return false;
  const std::string owner = table.name.substr(0, table.name.size() - kSuffix.size());
  return transaction_.number(
             fmt::format("SELECT count(*) FROM history.sqlite_schema WHERE name = {} AND "
                         "sql LIKE 'CREATE VIRTUAL TABLE% USING fts_%'",
                         quoted_text(owner))) > 0;
}

void Merge::try_each(const std::string& which,
                     const std::function<void(const std::string&)>& created) {
  std::map<std::string, std::string> statements;
  Statement list(transaction_.get(),
                 "SELECT name, sql FROM history.sqlite_schema AS entry WHERE sql IS NOT NULL AND " +
                     which +
                     " AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema AS here "
                     "WHERE here.name = entry.name COLLATE NOCASE)");
  while (list.step()) statements.emplace(list.text(0), list.text(1));
  for (const auto& [name, sql] : statements) {
    transaction_.run("SAVEPOINT creation");
    try {
      transaction_.run(sql);
      created(name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kSqlite) throw;
      transaction_.run("ROLLBACK TO creation");
      report_.tables.push_back({.table = name, .skipped = error.happened()});
    }
    transaction_.run("RELEASE creation");
  }
}

void Merge::create_missing() {
  const auto note = [&](const std::string& name) { report_.created.push_back(name); };
  const std::string tables = "type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
  // Virtual tables first: they make their shadow tables themselves.
  try_each(tables + " AND sql LIKE 'CREATE VIRTUAL%'", note);
  try_each(tables + " AND sql NOT LIKE 'CREATE VIRTUAL%'", note);
  if (!report_.created.empty()) present_ = table_shapes(transaction_.get(), "main");
}

// Only what belongs to new tables: an index or a view that the present schema lacks may have been
// dropped on purpose.
void Merge::create_belongings() {
  if (report_.created.empty()) return;
  std::string names;
  for (const std::string& name : report_.created) {
    names += (names.empty() ? "" : ", ") + quoted_text(name);
  }
  const auto nothing = [](const std::string&) {};
  try_each(fmt::format("type = 'index' AND tbl_name IN ({})", names), nothing);
  try_each("type = 'view'", nothing);
  try_each(fmt::format("type = 'trigger' AND tbl_name IN ({})", names), nothing);
}

void Merge::merge_table(const TableShape& from) {
  const auto into = present_.find(from.name);
  if (into == present_.end()) return;  // its creation failed, and was reported
  if (from.kind == TableShape::Kind::kView) return;
  if (from.kind == TableShape::Kind::kShadow && !is_content(from)) return;
  TableMerge report;
  report.table = from.name;
  if (from.kind == TableShape::Kind::kVirtual) {
    const std::string content = from.name + "_content";
    if (history_.contains(content) && is_content(history_.at(content))) return;
    report.skipped = "it is a virtual table";
  } else if (into->second.kind != from.kind) {
    report.skipped = "it is something else than a table by now";
  } else {
    transaction_.run("SAVEPOINT merging");
    try {
      insert_rows(from, into->second, report);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kSqlite) throw;
      transaction_.run("ROLLBACK TO merging");
      report = {};
      report.table = from.name;
      report.skipped = error.happened();
    }
    transaction_.run("RELEASE merging");
  }
  report_.tables.push_back(std::move(report));
}

void Merge::insert_rows(const TableShape& from, const TableShape& into, TableMerge& report) {
  std::vector<std::string> columns;
  for (const std::string& column : into.columns) {
    if (from.has_column(column)) columns.push_back(column);
  }
  for (const std::string& column : into.key) {
    if (!from.has_column(column)) {
      report.skipped = fmt::format("the history has no column {}, which is its key", column);
      return;
    }
  }
  if (columns.empty()) {
    report.skipped = "no column has a name that the history knows";
    return;
  }
  report.skipped = buried_.obstacle(from);
  if (!report.skipped.empty()) return;
  std::string condition = into.key.empty() ? insert_by_content(from, into, columns, report)
                                           : insert_by_key(from, into, columns, report);
  added_.push_back({into, std::move(condition), report_.tables.size()});
}

std::string Merge::insert_by_key(const TableShape& from, const TableShape& into,
                                 const std::vector<std::string>& columns, TableMerge& report) {
  const std::string name = quoted_name(from.name);
  std::string same_key, same_content = "1";
  for (const std::string& column : into.key) {
    same_key += fmt::format("{}{} IS {}", same_key.empty() ? "" : " AND ",
                            qualified(kPresent, column), qualified(name, column));
  }
  for (const std::string& column : columns) {
    same_content += fmt::format(" AND {} COLLATE BINARY IS {}", qualified(kPresent, column),
                                qualified(name, column));
  }
  const std::string keys = quoted_list(into.key);
  const std::string list = fmt::format("temp.added_{}", added_.size());
  transaction_.run(
      fmt::format("CREATE TABLE {} AS SELECT {} FROM history.{} WHERE NOT EXISTS "
                  "(SELECT 1 FROM main.{} AS {} WHERE {})",
                  list, keys, name, name, kPresent, same_key));
  if (const std::string buried = buried_.condition(from); !buried.empty()) {
    report.buried = transaction_.run(
        fmt::format("DELETE FROM {} WHERE ({}) IN (SELECT {} FROM history.{} WHERE {})", list, keys,
                    keys, name, buried));
  }
  report.kept = transaction_.number(
      fmt::format("SELECT count(*) FROM history.{0} CROSS JOIN main.{0} AS {1} WHERE {2} AND NOT "
                  "({3})",
                  name, kPresent, same_key, same_content));
  std::string condition = fmt::format("({}) IN (SELECT * FROM {})", keys, list);
  const std::string names = quoted_list(columns);
  report.inserted = transaction_.run(
      fmt::format("INSERT OR IGNORE INTO main.{0} ({1}) SELECT {1} FROM history.{0} WHERE {2}",
                  name, names, condition));
  report.lost = transaction_.number("SELECT count(*) FROM " + list) - report.inserted;
  return condition;
}

// Equal rows are counted: where the history has two and the present one, one comes back.
std::string Merge::insert_by_content(const TableShape& from, const TableShape& into,
                                     const std::vector<std::string>& columns, TableMerge& report) {
  const std::string name = quoted_name(into.name), rowid = into.identity().front();
  const std::uint64_t last =
      transaction_.number(fmt::format("SELECT max({}) FROM main.{}", rowid, name));
  std::string values;
  for (const std::string& column : columns) {
    values += (values.empty() ? "" : ", ") + quoted_name(column) + " COLLATE BINARY";
  }
  const std::string rows =
      fmt::format("SELECT {0}, row_number() OVER (PARTITION BY {0}) FROM", values);
  std::string parts;
  for (std::size_t i = 0; i < columns.size(); ++i) parts += fmt::format("part_{}, ", i);
  const std::string buried = buried_.condition(from);
  const auto missing = [&](const std::string& which) {
    return fmt::format("WITH missing({2}copy) AS ({0} history.{1}{3} EXCEPT {0} main.{1})", rows,
                       name, parts, which);
  };
  const auto number_of = [&](const std::string& which) {
    return transaction_.number(missing(which) + " SELECT count(*) FROM missing");
  };
  const std::string others = buried.empty() ? "" : fmt::format(" WHERE ({}) IS NOT TRUE", buried);
  if (!buried.empty()) report.buried = number_of("") - number_of(others);
  const std::string table = missing(others);
  parts.resize(parts.size() - 2);
  report.inserted =
      transaction_.run(fmt::format("{} INSERT OR IGNORE INTO main.{} ({}) SELECT {} FROM missing",
                                   table, name, quoted_list(columns), parts));
  return fmt::format("{} > {}", rowid, last);
}

// What refers to a row that is neither here nor in the history cannot come back, and so on.
void Merge::remove_orphans() {
  const auto keys = foreign_keys(transaction_.get(), "main", present_);
  for (bool removed = true; removed;) {
    removed = false;
    for (const ForeignKey& key : keys) {
      for (const Added& added : added_) {
        if (!same_name(added.table.name, key.child)) continue;
        const std::string child = quoted_name(key.child);
        std::string refers, same;
        for (std::size_t i = 0; i < key.from.size(); ++i) {
          refers += fmt::format(" AND {} IS NOT NULL", qualified(child, key.from[i]));
          same += fmt::format("{}{} = {}", i == 0 ? "" : " AND ", qualified(kPresent, key.to[i]),
                              qualified(child, key.from[i]));
        }
        const std::uint64_t count = transaction_.run(fmt::format(
            "DELETE FROM main.{} WHERE {}{} AND NOT EXISTS (SELECT 1 FROM main.{} AS {} WHERE {})",
            child, added.condition, refers, quoted_name(key.parent), kPresent, same));
        TableMerge& report = report_.tables[added.report];
        report.inserted -= count;
        report.lost += count;
        removed = removed || count > 0;
      }
    }
  }
}

// An id that was given away once is never given away again, also if its row is gone.
void Merge::raise_sequences() {
  for (const char* schema : {"main", "history"}) {
    if (transaction_.number(fmt::format("SELECT count(*) FROM {}.sqlite_schema WHERE name = "
                                        "'sqlite_sequence'",
                                        schema)) == 0) {
      return;
    }
  }
  transaction_.run(
      "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, 0 FROM history.sqlite_sequence "
      "WHERE name IN (SELECT name FROM main.sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%') "
      "AND name NOT IN (SELECT name FROM main.sqlite_sequence)");
  transaction_.run(
      "UPDATE main.sqlite_sequence SET seq = max(seq, ifnull((SELECT max(before.seq) FROM "
      "history.sqlite_sequence AS before WHERE before.name = main.sqlite_sequence.name), 0))");
}

MergeReport Merge::run() {
  create_missing();
  for (const auto& [name, table] : history_) merge_table(table);
  remove_orphans();
  raise_sequences();
  create_belongings();
  if (report_.inserted() > 0) rebuild_full_text(transaction_);
  return std::move(report_);
}

}  // namespace

std::uint64_t MergeReport::inserted() const {
  std::uint64_t sum = 0;
  for (const TableMerge& table : tables) sum += table.inserted;
  return sum;
}

std::uint64_t MergeReport::buried() const {
  std::uint64_t sum = 0;
  for (const TableMerge& table : tables) sum += table.buried;
  return sum;
}

MergeReport merge_rows(const MergeRequest& request) {
  const auto& exclusions = request.exclusions;
  const auto excluded = remove_excluded(request.history, exclusions, request.busy_timeout);
  WriteTransaction transaction(request.target, request.history, request.busy_timeout);
  MergeReport report = Merge(transaction, request).run();
  transaction.commit();
  for (std::size_t i = 0; i < excluded.size(); ++i) {
    for (TableMerge& table : report.tables) {
      if (same_name(table.table, exclusions[i].table)) table.excluded += excluded[i];
    }
  }
  return report;
}

}  // namespace holdfast::sqlite
