// The rows of a record's child tables: what ChildTable in collection.h describes.
#ifndef HOLDFAST_ENGINE_RECORDS_CHILD_ROWS_H_
#define HOLDFAST_ENGINE_RECORDS_CHILD_ROWS_H_

#include <functional>

#include "base/row_session.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {

using Select = std::function<std::vector<Row>(const RowQuery&)>;

std::vector<RowCondition> equal_to(const RowKey& key);
// All columns of the record's row that has this key; of two rows at most.
RowQuery row_query(const RecordLayout& layout, const RowKey& key);
// Equal, though the database may have made a real number of a whole one, or have documents written
// otherwise.
bool holds_same(const Value& wanted, const Value& stored, ColumnKind kind);
// The rows of another table that belong to this row of the record's.
RowKey belonging(const RecordLayout& layout, const Row& record_row,
                 const std::vector<std::string>& columns,
                 const std::vector<std::string>& references);

// What record[name] is: an object by variant with the latest revisions, or a list.
Record read_children(const Select& select, const RecordLayout& layout, std::size_t child,
                     const Row& record_row);
// Makes them what the record says. Throws kRecordInvalid, kRecordRejected …
void save_children(RowSession& session, const RecordLayout& layout, std::size_t child,
                   const Row& record_row, const Record& wanted);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_CHILD_ROWS_H_
