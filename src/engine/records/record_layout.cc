#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "engine/records/child_rows.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {
namespace {

std::size_t named_column(const RecordMapping& mapping, std::string_view name,
                         std::string_view table) {
  const auto column = mapping.column(name);
  if (!column) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the table {} has no column {}", table, name));
  }
  return *column;
}

bool keeps_numbers(ColumnKind kind) {
  return kind != ColumnKind::kText && kind != ColumnKind::kBlob && kind != ColumnKind::kJson &&
         kind != ColumnKind::kDecimal;
}

std::optional<Value> number_of(std::string_view text) {
  std::int64_t whole = 0;
  const char* end = text.data() + text.size();
  if (const auto [stop, error] = std::from_chars(text.data(), end, whole);
      error == std::errc() && stop == end) {
    return whole;
  }
  double real = 0;
  if (const auto [stop, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && stop == end && std::isfinite(real)) {
    return real;
  }
  return std::nullopt;
}

std::string single_id(const Value& value, ColumnKind kind) {
  const Record json = value_to_json(value, kind == ColumnKind::kText ? kind : ColumnKind::kAny);
  if (!json.is_string()) return record_text(json);
  const auto& text = json.get_ref<const std::string&>();
  const bool ambiguous = text.starts_with('"') || text.starts_with('[') ||
                         text.starts_with("{\"$") || text == "null" ||
                         (keeps_numbers(kind) && number_of(text));
  return ambiguous ? record_text(json) : text;
}

Value value_of_id(std::string_view id, ColumnKind kind) {
  if (id.starts_with('"') || id.starts_with("{\"$") || id == "null") {
    return value_from_json(parse_record_json(id, "the id"), ColumnKind::kAny, "id");
  }
  if (keeps_numbers(kind)) {
    if (const auto number = number_of(id)) return *number;
  }
  return std::string(id);
}

}  // namespace

RecordLayout lay_out(const Collection& collection, const TableFacts& table,
                     std::span<const TableFacts> children) {
  RecordLayout layout{.collection = collection,
                      .mapping = RecordMapping(table, collection.fields),
                      .key = {},
                      .numbers_rows = false,
                      .has_triggers = table.has_triggers,
                      .child_names = {},
                      .children = {}};
  if (layout.collection.key.empty()) layout.collection.key = table.primary_key;
  if (layout.collection.key.empty()) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the table {} has no primary key: the collection {} must say which "
                            "columns are its key",
                            table.table, collection.name));
  }
  for (const std::string& name : layout.collection.key) {
    layout.key.push_back(named_column(layout.mapping, name, table.table));
  }
  layout.numbers_rows = table.numbers_rows && layout.collection.key == table.primary_key;
  for (std::size_t i = 0; i < collection.children.size(); ++i) {
    ChildTable& child = layout.collection.children[i];
    const RecordMapping whole(children[i], {});
    for (const std::string& name : child.parent) named_column(whole, name, child.table);
    if (child.references.empty()) child.references = layout.collection.key;
    for (const std::string& name : child.references) {
      named_column(layout.mapping, name, table.table);
    }
    if (child.references.size() != child.parent.size()) {
      throw Error(ErrorCode::kConfiguration,
                  fmt::format("the child {} of the collection {} must have as many parent columns "
                              "as it refers to",
                              child.name, collection.name));
    }
    layout.child_names.push_back(child.name);
    layout.children.emplace_back(children[i], child.fields, child.parent);
    for (const std::string& name : {child.variant, child.revision}) {
      if (!name.empty()) named_column(layout.children.back(), name, child.table);
    }
  }
  for (DeleteCascade& cascade : layout.collection.cascades) {
    if (cascade.references.empty()) cascade.references = layout.collection.key;
    for (const std::string& name : cascade.references) {
      named_column(layout.mapping, name, table.table);
    }
  }
  return layout;
}

std::string record_id(std::span<const Value> key, const RecordLayout& layout) {
  const auto& columns = layout.mapping.columns();
  if (key.size() == 1) return single_id(key[0], columns[layout.key[0]].kind);
  Record list = Record::array();
  for (std::size_t i = 0; i < key.size(); ++i) {
    const ColumnKind kind = columns[layout.key[i]].kind;
    list.push_back(value_to_json(key[i], kind == ColumnKind::kText ? kind : ColumnKind::kAny));
  }
  return record_text(list);
}

std::vector<Value> key_from_id(std::string_view id, const RecordLayout& layout) {
  const auto& columns = layout.mapping.columns();
  if (layout.key.size() == 1) {
    return {stored_alias(value_of_id(id, columns[layout.key[0]].kind), layout.collection)};
  }
  const Record list = parse_record_json(id, "the id");
  if (!list.is_array() || list.size() != layout.key.size()) {
    throw Error(ErrorCode::kRecordInvalid,
                fmt::format("the key of {} is {} values: write them as [\"a\", 1]",
                            layout.collection.name, layout.key.size()));
  }
  std::vector<Value> key;
  for (std::size_t i = 0; i < list.size(); ++i) {
    key.push_back(value_from_json(list[i], ColumnKind::kAny, "id"));
  }
  return key;
}

void take_key(const std::string& id, const RecordLayout& layout, PartialRow& row) {
  const Row key = key_from_id(id, layout);
  for (std::size_t i = 0; i < key.size(); ++i) {
    auto& value = row[layout.key[i]];
    if (value && layout.key.size() == 1) value = stored_alias(*std::move(value), layout.collection);
    const ColumnFacts& column = layout.mapping.columns()[layout.key[i]];
    if (value && !holds_same(*value, key[i], column.kind)) {
      throw Error(ErrorCode::kRecordInvalid,
                  fmt::format("field {}: the record has another key than the {} it is put at",
                              layout.mapping.field_of(layout.key[i]), id));
    }
    value = key[i];
  }
}

Value stored_alias(Value key, const Collection& collection) {
  auto* text = std::get_if<std::string>(&key);
  if (text == nullptr || collection.alias_prefix.empty()) return key;
  const bool has = text->starts_with(collection.alias_prefix);
  if (has && !collection.alias_stored) text->erase(0, collection.alias_prefix.size());
  if (!has && collection.alias_stored) text->insert(0, collection.alias_prefix);
  return key;
}

}  // namespace holdfast::engine
