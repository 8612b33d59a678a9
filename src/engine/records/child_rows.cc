#include "engine/records/child_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/records/invalid_record.h"

namespace holdfast::engine {
namespace {

std::vector<std::string> names_of(const RecordMapping& mapping) {
  std::vector<std::string> names;
  for (const ColumnFacts& column : mapping.columns()) names.push_back(column.name);
  return names;
}

// A variant as the name of a field: text as it is, anything else as JSON.
std::string variant_name(const Value& variant) {
  const Record json = value_to_json(variant, ColumnKind::kText);
  return json.is_string() ? json.get<std::string>() : record_text(json);
}

struct Given {  // what a record says about the columns of a child
  std::vector<std::string> columns;
  Row values;
};

Given given_of(const RecordMapping& mapping, const PartialRow& row) {
  Given given;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!row[i]) continue;
    given.columns.push_back(mapping.columns()[i].name);
    given.values.push_back(*row[i]);
  }
  return given;
}

void insert_child(RowSession& session, const std::string& table, const RowKey& parent,
                  Given given) {
  given.columns.insert(given.columns.end(), parent.columns.begin(), parent.columns.end());
  given.values.insert(given.values.end(), parent.values.begin(), parent.values.end());
  session.insert(table, given.columns, given.values, {});
}

bool says_the_same(RowSession& session, const RecordMapping& mapping, const PartialRow& wanted,
                   const Row& stored) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    const ColumnFacts& column = mapping.columns()[i];
    if (!holds_same(*wanted[i], stored[i], column.kind) &&
        !session.holds_equal(column, *wanted[i], stored[i])) {
      return false;
    }
  }
  return true;
}

void save_revision(RowSession& session, const ChildTable& child, const RecordMapping& mapping,
                   const RowKey& parent, const std::string& variant, const Record& wanted) {
  const std::size_t variant_at = *mapping.column(child.variant);
  const std::size_t revision_at = *mapping.column(child.revision);
  PartialRow row = mapping.to_row(wanted);
  if (row[variant_at] && variant_name(*row[variant_at]) != variant) {
    throw invalid_record(
        fmt::format("field {}.{}: the variant in it is another one", child.name, variant));
  }
  // Which revision it is, is told and not asked for.
  row[revision_at].reset();
  row[variant_at] = variant;
  RowQuery latest{.table = child.table,
                  .columns = names_of(mapping),
                  .conditions = equal_to(parent),
                  .order = {{.column = child.revision, .descending = true}},
                  .limit = 1};
  latest.conditions.push_back(
      {.column = child.variant, .is = RowCondition::Is::kEqual, .value = variant});
  const auto found = session.select(latest);
  std::int64_t revision = 1;
  if (!found.empty()) {
    if (says_the_same(session, mapping, row, found[0])) return;
    const auto* last = std::get_if<std::int64_t>(&found[0][revision_at]);
    if (last == nullptr) {
      throw Error(ErrorCode::kRecordRejected,
                  fmt::format("column {}.{}: a revision must be a whole number", child.table,
                              child.revision));
    }
    revision = *last + 1;
  }
  row[revision_at] = revision;
  insert_child(session, child.table, parent, given_of(mapping, row));
}

void replace_list(RowSession& session, const ChildTable& child, const RecordMapping& mapping,
                  const RowKey& parent, const Record& wanted, const Record& present) {
  if (!wanted.is_array())
    throw invalid_record(fmt::format("field {}: a list is expected", child.name));
  if (wanted == present) return;
  session.remove(child.table, parent);
  for (const Record& item : wanted) {
    insert_child(session, child.table, parent, given_of(mapping, mapping.to_row(item)));
  }
}

}  // namespace

std::vector<RowCondition> equal_to(const RowKey& key) {
  std::vector<RowCondition> conditions;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    conditions.push_back(
        {.column = key.columns[i], .is = RowCondition::Is::kEqual, .value = key.values[i]});
  }
  return conditions;
}

RowQuery row_query(const RecordLayout& layout, const RowKey& key) {
  RowQuery query{.table = layout.collection.table,
                 .columns = {},
                 .conditions = equal_to(key),
                 .order = {},
                 .limit = 2};
  for (const ColumnFacts& column : layout.mapping.columns()) query.columns.push_back(column.name);
  return query;
}

bool holds_same(const Value& wanted, const Value& stored, ColumnKind kind) {
  if (is_identical(wanted, stored)) return true;
  const auto* whole = std::get_if<std::int64_t>(&wanted);
  const auto* real = std::get_if<double>(&stored);
  if (whole != nullptr && real != nullptr) {
    // Exactly: beyond 2^53 a real number is not every whole one.
    return *real >= -0x1p63 && *real < 0x1p63 && static_cast<std::int64_t>(*real) == *whole;
  }
  // 1.0 and 1 are equal as JSON, and so are documents whose fields stand in another order.
  return value_to_json(wanted, kind) == value_to_json(stored, kind);
}

RowKey belonging(const RecordLayout& layout, const Row& record_row,
                 const std::vector<std::string>& columns,
                 const std::vector<std::string>& references) {
  RowKey key{.columns = columns, .values = {}};
  for (const std::string& name : references) {
    key.values.push_back(record_row[*layout.mapping.column(name)]);
  }
  return key;
}

Record read_children(const Select& select, const RecordLayout& layout, std::size_t number,
                     const Row& record_row) {
  const ChildTable& child = layout.collection.children[number];
  const RecordMapping& mapping = layout.children[number];
  RowQuery query{
      .table = child.table,
      .columns = names_of(mapping),
      .conditions = equal_to(belonging(layout, record_row, child.parent, child.references)),
      .order = {},
      .limit = {}};
  if (child.variant.empty()) {
    Record list = Record::array();
    for (const Row& row : select(query)) list.push_back(mapping.to_record(row));
    return list;
  }
  query.order = {{.column = child.revision, .descending = false}};
  const std::size_t variant = *mapping.column(child.variant);
  Record object = Record::object();
  for (const Row& row : select(query)) {
    object[variant_name(row[variant])] = mapping.to_record(row);
  }
  return object;
}

void save_children(RowSession& session, const RecordLayout& layout, std::size_t number,
                   const Row& record_row, const Record& wanted) {
  const ChildTable& child = layout.collection.children[number];
  const RecordMapping& mapping = layout.children[number];
  const RowKey parent = belonging(layout, record_row, child.parent, child.references);
  if (child.variant.empty()) {
    const Select select = [&](const RowQuery& query) { return session.select(query); };
    replace_list(session, child, mapping, parent, wanted,
                 read_children(select, layout, number, record_row));
    return;
  }
  if (!wanted.is_object()) {
    throw invalid_record(fmt::format("field {}: an object of variants is expected", child.name));
  }
  for (const auto& [variant, revision] : wanted.items()) {
    save_revision(session, child, mapping, parent, variant, revision);
  }
}

}  // namespace holdfast::engine
