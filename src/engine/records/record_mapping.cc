#include "engine/records/record_mapping.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/records/invalid_record.h"

namespace holdfast::engine {
namespace {

Error misconfigured(std::string message) {
  return Error(ErrorCode::kConfiguration, std::move(message));
}

}  // namespace

RecordMapping::RecordMapping(const TableFacts& table, const std::vector<FieldMapping>& fields,
                             const std::vector<std::string>& left_out) {
  for (const FieldMapping& field : fields) {
    if (!table.column(field.column)) {
      throw misconfigured(fmt::format("the table {} has no column {}, which the field {} names",
                                      table.table, field.column, field_path_text(field.path)));
    }
  }
  for (const ColumnFacts& column : table.columns) {
    if (std::ranges::find(left_out, column.name) != left_out.end()) continue;
    const auto field = std::ranges::find(fields, column.name, &FieldMapping::column);
    columns_.push_back(column);
    paths_.push_back(field == fields.end() ? FieldPath{column.name} : field->path);
    if (field != fields.end() && field->json) columns_.back().kind = ColumnKind::kJson;
  }
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    Field* at = &root_;
    bool clash = false;
    for (const std::string& name : paths_[i]) {
      at = &at->fields[name];
      clash = clash || at->column.has_value();
    }
    if (clash || !at->fields.empty()) {
      throw misconfigured(fmt::format("the field {} of the table {} is in the way of another one",
                                      field_of(i), table.table));
    }
    at->column = i;
  }
}

std::optional<std::size_t> RecordMapping::column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name, &ColumnFacts::name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

std::optional<std::size_t> RecordMapping::column_of_field(std::string_view field) const {
  const auto found = std::ranges::find(paths_, parse_field_path(field));
  if (found == paths_.end()) return column(field);
  return static_cast<std::size_t>(found - paths_.begin());
}

Record RecordMapping::to_record(std::span<const Value> row) const {
  Record record = Record::object();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Record* at = &record;
    for (const std::string& name : paths_[i]) at = &(*at)[name];
    *at = value_to_json(row[i], columns_[i].kind);
  }
  return record;
}

void RecordMapping::take(const Record& object, const Field& field, const std::string& where,
                         PartialRow& row) const {
  for (const auto& [name, value] : object.items()) {
    const auto found = field.fields.find(name);
    const auto here = [&] { return where.empty() ? name : fmt::format("{}.{}", where, name); };
    if (found == field.fields.end()) {
      std::vector<std::string> known;
      for (const auto& [other, ignored] : field.fields) known.push_back(other);
      throw invalid_record(
          fmt::format("the collection has no column for the field {}; known there: {}", here(),
                      fmt::join(known, ", ")));
    }
    if (const auto column = found->second.column) {
      row[*column] = value_from_json(value, columns_[*column].kind, field_of(*column));
    } else if (value.is_object()) {
      take(value, found->second, here(), row);
    } else {
      throw invalid_record(fmt::format("field {}: an object is expected", here()));
    }
  }
}

PartialRow RecordMapping::to_row(const Record& record, std::span<const std::string> beside) const {
  if (!record.is_object()) throw invalid_record("a record must be a JSON object");
  PartialRow row(columns_.size());
  const auto is_beside = [&](const auto& name) { return record.contains(name); };
  if (std::ranges::none_of(beside, is_beside)) {
    take(record, root_, {}, row);
  } else {
    Record rest = record;
    for (const std::string& name : beside) rest.erase(name);
    take(rest, root_, {}, row);
  }
  return row;
}

}  // namespace holdfast::engine
