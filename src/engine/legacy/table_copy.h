// Copies of records as rows: any state of a database that has the collection's table.
#ifndef HOLDFAST_ENGINE_LEGACY_TABLE_COPY_H_
#define HOLDFAST_ENGINE_LEGACY_TABLE_COPY_H_

#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/legacy/record_visitor.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {

// The collection as far as an older form of its table has it: fields and child tables that it does
// not have are left out. `key` is the key of the present table; empty: that of the older one.
// Throws kTableMissing if the table, or a column of its key, is not there.
RecordLayout layout_of_copy(RowReader& reader, const Collection& collection,
                            const std::vector<std::string>& key);

// Visits each row as a record, in no order. A row that cannot be read is a damage of `report`, and
// ends the reading.
void read_table_copy(RowReader& reader, const RecordLayout& layout, CopyReport& report,
                     const RecordVisitor& visit, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_TABLE_COPY_H_
