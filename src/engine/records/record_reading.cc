// Reading records: the part of RecordDatabase that changes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "engine/records/child_rows.h"
#include "engine/records/record_database.h"

namespace holdfast::engine {
namespace {

struct Operator {
  std::string_view text;
  RowCondition::Is is;
};
// The longer ones first: ">=" begins like ">".
constexpr std::array<Operator, 7> kOperators = {Operator{"!=", RowCondition::Is::kUnequal},
                                                Operator{"<=", RowCondition::Is::kLessOrEqual},
                                                Operator{">=", RowCondition::Is::kGreaterOrEqual},
                                                Operator{"=", RowCondition::Is::kEqual},
                                                Operator{"<", RowCondition::Is::kLess},
                                                Operator{">", RowCondition::Is::kGreater},
                                                Operator{"~", RowCondition::Is::kContains}};

std::size_t field_column(const RecordLayout& layout, std::string_view field) {
  const auto column = layout.mapping.column_of_field(field);
  if (!column) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} has no field {}", layout.collection.name, field));
  }
  return *column;
}

// As JSON where it is some that the column can hold, as text otherwise: language=en, active=true,
// duration>=60, name="5".
Value filter_value(std::string_view text, const ColumnFacts& column) {
  if (column.kind != ColumnKind::kText || text.starts_with('"') || text == "null") {
    try {
      return value_from_json(parse_record_json(text), column.kind, column.name);
    } catch (const Error&) {
      // Then it is a text as it stands.
    }
  }
  return std::string(text);
}

RowCondition condition_of(std::string_view filter, const RecordLayout& layout) {
  const auto at = filter.find_first_of("=!<>~");
  if (at != std::string_view::npos && at > 0) {
    const std::string_view rest = filter.substr(at);
    for (const Operator& known : kOperators) {
      if (!rest.starts_with(known.text)) continue;
      const ColumnFacts& column =
          layout.mapping.columns()[field_column(layout, filter.substr(0, at))];
      return {.column = column.name,
              .is = known.is,
              .value = filter_value(rest.substr(known.text.size()), column)};
    }
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("the filter \"{}\" is not one of field=value, field!=value, <, <=, >, >= "
                          "and field~part",
                          filter));
}

}  // namespace

Record RecordDatabase::whole_record(const RecordLayout& its, const Row& row) {
  Record record = its.mapping.to_record(row);
  const Select select = [&](const RowQuery& query) { return session_->select(query); };
  for (std::size_t i = 0; i < its.child_names.size(); ++i) {
    record[its.child_names[i]] = read_children(select, its, i, row);
  }
  return record;
}

std::optional<Record> RecordDatabase::get(std::string_view collection, std::string_view id) {
  refresh_layouts();
  const RecordLayout& its = layout(collection);
  const auto row = find(its, key_of(its, key_from_id(id, its)));
  if (!row) return std::nullopt;
  return whole_record(its, *row);
}

ListedRecords RecordDatabase::list(std::string_view collection, const ListRequest& request) {
  refresh_layouts();
  const RecordLayout& its = layout(collection);
  RowQuery query{.table = its.collection.table,
                 .columns = {},
                 .conditions = {},
                 .order = {},
                 .limit = request.size,
                 .offset = request.page * request.size};
  for (const ColumnFacts& column : its.mapping.columns()) query.columns.push_back(column.name);
  for (const std::string& filter : request.filters) {
    query.conditions.push_back(condition_of(filter, its));
  }
  for (std::string_view field : request.sort) {
    const bool descending = field.starts_with('-');
    if (descending) field.remove_prefix(1);
    query.order.push_back(
        {.column = its.mapping.columns()[field_column(its, field)].name, .descending = descending});
  }
  for (const std::string& column : its.collection.key) {
    if (std::ranges::find(query.order, column, &RowQuery::Order::column) == query.order.end()) {
      query.order.push_back({.column = column, .descending = false});
    }
  }
  ListedRecords found;
  found.total = session_->count(query);
  for (const Row& row : session_->select(query)) {
    Row key;
    for (const std::size_t column : its.key) key.push_back(row[column]);
    found.ids.push_back(record_id(key, its));
    found.records.push_back(whole_record(its, row));
  }
  return found;
}

}  // namespace holdfast::engine
