#include <fmt/format.h>

#include "base/error.h"
#include "sqlite/read_view.h"
#include "sqlite/row_merge.h"
#include "sqlite/statement.h"
#include "sqlite/table_shape.h"
#include "sqlite/write_transaction.h"

namespace holdfast::sqlite {
namespace {

using std::chrono::milliseconds;

constexpr int kDeepestReference = 16;  // of rows that refer to rows that refer …

std::string counting_sql(const TableShape& table, const Exclusion& exclusion) {
  // A line of its own: the condition may end in a comment.
  return fmt::format("SELECT count(*) FROM main.{} WHERE ({}\n)", quoted_name(table.name),
                     exclusion.condition);
}

const TableShape* find_table(const TableShapes& tables, const std::string& name) {
  const auto found = tables.find(name);
  if (found == tables.end() || found->second.kind != TableShape::Kind::kTable) return nullptr;
  return &found->second;
}

class Removal {
 public:
  Removal(const WriteTransaction& transaction, const TableShapes& tables)
      : transaction_(transaction),
        tables_(tables),
        keys_(foreign_keys(transaction.get(), "main", tables)) {}

  // The number of rows of `table` itself.
  std::uint64_t remove(const TableShape& table, const std::string& condition, int depth) {
    const auto identity = table.identity();
    const std::string list = fmt::format("temp.doomed_{}", lists_++);
    std::string columns;
    for (std::size_t i = 0; i < identity.size(); ++i) {
      columns += fmt::format("{}{} AS part_{}", i == 0 ? "" : ", ", identity[i], i);
    }
    transaction_.run(fmt::format("CREATE TABLE {} AS SELECT {} FROM main.{} WHERE ({}\n)", list,
                                 columns, quoted_name(table.name), condition));
    const std::uint64_t count = transaction_.number("SELECT count(*) FROM " + list);
    if (count > 0) {
      const std::string doomed = fmt::format("{} IN (SELECT * FROM {})", row_value(identity), list);
      for (const ForeignKey& key : keys_) {
        if (same_name(key.parent, table.name)) release_children(key, doomed, depth);
      }
      transaction_.run(
          fmt::format("DELETE FROM main.{} WHERE {}", quoted_name(table.name), doomed));
    }
    transaction_.run("DROP TABLE " + list);
    return count;
  }

 private:
  void release_children(const ForeignKey& key, const std::string& doomed_parents, int depth) {
    const std::string orphans =
        fmt::format("({}) IN (SELECT {} FROM main.{} WHERE {})", quoted_list(key.from),
                    quoted_list(key.to), quoted_name(key.parent), doomed_parents);
    if (key.clears) {
      std::string cleared;
      for (const std::string& column : key.from) {
        cleared += (cleared.empty() ? "" : ", ") + quoted_name(column) + " = NULL";
      }
      transaction_.run(
          fmt::format("UPDATE main.{} SET {} WHERE {}", quoted_name(key.child), cleared, orphans));
    } else if (depth < kDeepestReference) {
      remove(tables_.at(key.child), orphans, depth + 1);
    }
  }

  const WriteTransaction& transaction_;
  const TableShapes& tables_;
  const std::vector<ForeignKey> keys_;
  int lists_ = 0;
};

}  // namespace

std::vector<std::uint64_t> remove_excluded(const std::filesystem::path& path,
                                           std::span<const Exclusion> exclusions,
                                           milliseconds busy_timeout) {
  std::vector<std::uint64_t> counts;
  if (exclusions.empty()) return counts;
  WriteTransaction transaction(path, {}, busy_timeout);
  const TableShapes tables = table_shapes(transaction.get(), "main");
  Removal removal(transaction, tables);
  std::uint64_t all = 0;
  for (const Exclusion& exclusion : exclusions) {
    const TableShape* table = find_table(tables, exclusion.table);
    // Counted first: that fails where the condition is more than an expression.
    const bool any = table != nullptr && transaction.number(counting_sql(*table, exclusion)) > 0;
    counts.push_back(any ? removal.remove(*table, exclusion.condition, 0) : 0);
    all += counts.back();
  }
  if (all > 0) {
    rebuild_full_text(transaction);
    transaction.commit();
  }
  return counts;
}

std::vector<std::uint64_t> count_excluded(const std::filesystem::path& path,
                                          std::span<const Exclusion> exclusions,
                                          milliseconds busy_timeout) {
  std::vector<std::uint64_t> counts;
  if (exclusions.empty()) return counts;
  const ReadView view(path, busy_timeout);
  const TableShapes tables = table_shapes(view.connection(), "main");
  for (const Exclusion& exclusion : exclusions) {
    const TableShape* table = find_table(tables, exclusion.table);
    counts.push_back(0);
    if (table == nullptr) continue;
    Statement count = Statement::only(view.connection(), counting_sql(*table, exclusion));
    if (count.step()) counts.back() = static_cast<std::uint64_t>(count.integer(0));
  }
  return counts;
}

}  // namespace holdfast::sqlite
