#include "engine/legacy/table_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/records/child_rows.h"

namespace holdfast::engine {
namespace {

Error table_missing(const Collection& collection, std::string_view what) {
  return Error(ErrorCode::kTableMissing, fmt::format("{} {}", collection.table, what));
}

void keep_known(std::vector<FieldMapping>& fields, const TableFacts& table) {
  std::erase_if(fields, [&](const FieldMapping& field) { return !table.column(field.column); });
}

bool has_columns(const TableFacts& table, const std::vector<std::string>& columns) {
  return std::ranges::all_of(
      columns, [&](const std::string& column) { return table.column(column).has_value(); });
}

}  // namespace

RecordLayout layout_of_copy(RowReader& reader, const Collection& collection,
                            const std::vector<std::string>& key) {
  const auto table = reader.table(collection.table);
  if (!table) throw table_missing(collection, "is not in it");
  Collection its = collection;
  if (!key.empty()) its.key = key;
  if (!has_columns(*table, its.key)) throw table_missing(collection, "has no such key in it");
  keep_known(its.fields, *table);
  its.children.clear();
  its.cascades.clear();
  std::vector<TableFacts> children;
  for (ChildTable child : collection.children) {
    auto facts = reader.table(child.table);
    if (!facts || !has_columns(*facts, child.parent) || !has_columns(*table, child.references)) {
      continue;
    }
    if (!child.variant.empty() && !has_columns(*facts, {child.variant, child.revision})) continue;
    keep_known(child.fields, *facts);
    its.children.push_back(std::move(child));
    children.push_back(*std::move(facts));
  }
  return lay_out(its, *table, children);
}

void read_table_copy(RowReader& reader, const RecordLayout& layout, CopyReport& report,
                     const RecordVisitor& visit, Progress& progress) {
  RowQuery query{
      .table = layout.collection.table, .columns = {}, .conditions = {}, .order = {}, .limit = {}};
  for (const ColumnFacts& column : layout.mapping.columns()) query.columns.push_back(column.name);
  const Select select = [&](const RowQuery& of_child) { return reader.select(of_child); };
  try {
    const auto rows = reader.scan(query);
    Row row, key;
    while (rows->next()) {
      row.clear();
      for (const Cell& cell : rows->row()) row.push_back(value_of(cell));
      key.clear();
      for (const std::size_t column : layout.key) key.push_back(row[column]);
      Record record = layout.mapping.to_record(row);
      for (std::size_t i = 0; i < layout.child_names.size(); ++i) {
        record[layout.child_names[i]] = read_children(select, layout, i, row);
      }
      ++report.records;
      visit(record_id(key, layout), std::move(record));
      progress.advance(0);
    }
  } catch (const Error& error) {
    const bool of_the_copy =
        error.code() == ErrorCode::kDatabaseDamaged || error.code() == ErrorCode::kSqlite ||
        error.code() == ErrorCode::kNotADatabase || error.code() == ErrorCode::kRecordInvalid;
    if (!of_the_copy) throw;
    report.add_damage(error.happened());
  }
}

}  // namespace holdfast::engine
