// A record of a collection as a row of its table, and back, without loss. docs/records.md,
// "Values", has the rules.
//
// Thread safety: a RecordMapping is immutable. Records are nlohmann::json: the fields of an object
// are in the order of their bytes, so equal records are equal texts.
#ifndef HOLDFAST_ENGINE_RECORDS_RECORD_MAPPING_H_
#define HOLDFAST_ENGINE_RECORDS_RECORD_MAPPING_H_

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "engine/records/collection.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {

// The row of a record: what it says about each column of the mapping, in their order; empty where
// it says nothing.
using PartialRow = std::vector<std::optional<Value>>;

class RecordMapping {
 public:
  // `fields` over the columns of `table`; `left_out` are columns that are no part of a record (a
  // child's reference to its parent). Throws kConfiguration if a field has no such column, or two
  // fields cannot both be in one record.
  RecordMapping(const TableFacts& table, const std::vector<FieldMapping>& fields,
                const std::vector<std::string>& left_out = {});

  // In the order of the table. What read and write rows go by.
  const std::vector<ColumnFacts>& columns() const { return columns_; }
  std::optional<std::size_t> column(std::string_view name) const;
  // As people write it: "stats.total_matches".
  std::string field_of(std::size_t column) const { return field_path_text(paths_[column]); }
  // The column that a field of this name is in.
  std::optional<std::size_t> column_of_field(std::string_view field) const;

  // One value per column.
  Record to_record(std::span<const Value> row) const;
  // Throws kRecordInvalid if a field has no column, or a value is none that a column can hold.
  // Fields named in `beside` are left alone: they are kept elsewhere (children).
  PartialRow to_row(const Record& record, std::span<const std::string> beside = {}) const;

 private:
  // The fields of a record as a tree, by name; an ordered map, since a record is one too.
  struct Field {
    std::map<std::string, Field, std::less<>> fields;
    std::optional<std::size_t> column;
  };
  void take(const Record& object, const Field& field, const std::string& where,
            PartialRow& row) const;

  std::vector<ColumnFacts> columns_;
  std::vector<FieldPath> paths_;  // of each column
  Field root_;
};

// What a collection is with the tables as they are: the mapping of its table and of each child's.
struct RecordLayout {
  Collection collection;
  RecordMapping mapping;
  std::vector<std::size_t> key;  // into mapping.columns()
  bool numbers_rows = false;     // the key may be left out of a new record
  bool has_triggers = false;
  std::vector<std::string> child_names;
  std::vector<RecordMapping> children;  // without the columns of the parent's key
};
// `children` are in the order of the collection's. Throws kConfiguration if the table has no key,
// or lacks a column that is named.
RecordLayout lay_out(const Collection& collection, const TableFacts& table,
                     std::span<const TableFacts> children);

// The id of a record in an object keyed by id, and for people: a text or number as it is; several
// values, and what could be taken for another key, as JSON. Different keys have different ids.
std::string record_id(std::span<const Value> key, const RecordLayout& layout);
// The key that is meant by an id as record_id() writes it or as people type it, with aliases.
// Throws kRecordInvalid.
std::vector<Value> key_from_id(std::string_view id, const RecordLayout& layout);
// Puts the key that is meant by an id into a row. Throws kRecordInvalid if another one is there.
void take_key(const std::string& id, const RecordLayout& layout, PartialRow& row);
// A key with the prefix that stored keys have, and without one that they have not.
Value stored_alias(Value key, const Collection& collection);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_RECORD_MAPPING_H_
