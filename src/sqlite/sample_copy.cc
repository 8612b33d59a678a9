#include "sqlite/sample_copy.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "sqlite/connection.h"
#include "sqlite/read_view.h"
#include "sqlite/statement.h"
#include "sqlite/value_binding.h"

namespace holdfast::sqlite {
namespace {

constexpr int kDeepestSampled = 8;

constexpr const char* kSchemaOf =
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_holdfast\\_%' ESCAPE '\\' "
    "AND (type = 'table') = {} ORDER BY rowid";

class SampleCopy {
 public:
  SampleCopy(sqlite3* source, Connection& target) : source_(source), target_(target) {}

  void copy_schema(bool tables) {
    Statement entries(source_, fmt::format(kSchemaOf, tables ? 1 : 0));
    while (entries.step()) {
      try {
        target_.execute(entries.text(0).c_str());
      } catch (const Error&) {
        // Shadow tables are there already, and some modules are not.
      }
    }
  }

  using Key = std::map<std::string, Value>;
  // The first row with this key (empty: any), and what it refers to.
  void copy_row(const std::string& table, const Key& key, int depth) {
    const std::vector<std::string> columns = columns_of(table);
    if (columns.empty() || depth > kDeepestSampled) return;
    std::string names, places, where;
    for (const std::string& column : columns) {
      names += (names.empty() ? "" : ", ") + quoted_name(column);
      places += places.empty() ? "?" : ", ?";
    }
    for (const auto& [column, value] : key) {
      where += (where.empty() ? " WHERE " : " AND ") + quoted_name(column) + " IS ?";
    }
    Statement row(source_,
                  fmt::format("SELECT {} FROM {}{} LIMIT 1", names, quoted_name(table), where));
    int parameter = 0;
    for (const auto& [column, value] : key) bind_value(row, ++parameter, value);
    if (!row.step()) return;
    Statement insert(target_.get(), fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})",
                                                quoted_name(table), names, places));
    Key values;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      values[columns[i]] = column_value(row, static_cast<int>(i));
      bind_value(insert, static_cast<int>(i) + 1, values[columns[i]]);
    }
    insert.step();
    for (const auto& [parent, parent_key] : references(table, values)) {
      copy_row(parent, parent_key, depth + 1);
    }
  }

 private:
  std::vector<std::string> columns_of(const std::string& table) {
    Statement info(target_.get(), fmt::format("PRAGMA table_xinfo({})", quoted_name(table)));
    std::vector<std::string> columns;
    while (info.step()) {
      if (info.integer(6) == 0) columns.push_back(info.text(1));  // neither hidden nor computed
    }
    return columns;
  }

  std::vector<std::string> primary_key(const std::string& table) {
    Statement info(source_, fmt::format("PRAGMA table_info({})", quoted_name(table)));
    std::map<std::int64_t, std::string> key;
    while (info.step()) {
      if (info.integer(5) > 0) key[info.integer(5)] = info.text(1);
    }
    std::vector<std::string> columns;
    for (const auto& [place, column] : key) columns.push_back(column);
    return columns;
  }

  std::vector<std::pair<std::string, Key>> references(const std::string& table, const Key& values) {
    struct Reference {
      std::string parent;
      Key key;
      bool whole = true;
    };
    std::map<std::int64_t, Reference> found;
    Statement list(source_, fmt::format("PRAGMA foreign_key_list({})", quoted_name(table)));
    while (list.step()) {
      Reference& reference = found[list.integer(0)];
      reference.parent = list.text(2);
      const auto value = values.find(list.text(3));
      const auto place = static_cast<std::size_t>(list.integer(1));
      const auto parent_key =
          list.is_null(4) ? primary_key(reference.parent) : std::vector<std::string>();
      if (value == values.end() || is_null(value->second) ||
          (list.is_null(4) && place >= parent_key.size())) {
        reference.whole = false;
        continue;
      }
      reference.key[list.is_null(4) ? parent_key[place] : list.text(4)] = value->second;
    }
    std::vector<std::pair<std::string, Key>> result;
    for (auto& [id, reference] : found) {
      if (reference.whole) result.emplace_back(reference.parent, std::move(reference.key));
    }
    return result;
  }

  sqlite3* source_;
  Connection& target_;
};

}  // namespace

void copy_sample(const std::filesystem::path& source, const std::filesystem::path& target,
                 std::span<const std::string> tables, std::chrono::milliseconds busy_timeout) {
  // A reader of its own would leave a log beside the database.
  const ReadView from(source, busy_timeout);
  Connection to(target, Access::kCreate, busy_timeout);
  to.execute("PRAGMA foreign_keys = OFF");
  to.checkpoint_on_close(true);
  if (from.source().journal_mode() == JournalMode::kWal) to.execute("PRAGMA journal_mode = WAL");
  SampleCopy copy(from.connection(), to);
  copy.copy_schema(true);
  // Before triggers are there, which may do anything.
  for (const std::string& table : tables) copy.copy_row(table, {}, 0);
  copy.copy_schema(false);
}

}  // namespace holdfast::sqlite
