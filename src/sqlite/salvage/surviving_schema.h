// What a damaged database still says of its tables, indexes, views and triggers.
#ifndef HOLDFAST_SQLITE_SALVAGE_SURVIVING_SCHEMA_H_
#define HOLDFAST_SQLITE_SALVAGE_SURVIVING_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sqlite/salvage/damaged_image.h"
#include "sqlite/salvage/page_census.h"
#include "sqlite/salvage/row_reader.h"

namespace holdfast::sqlite {

// A row of sqlite_schema, in UTF-8.
struct SchemaItem {
  std::string type, name, table, sql;  // `sql` is empty for the indexes of constraints
  std::int64_t root = 0;

  bool is_table() const { return type == "table"; }
  bool is_virtual() const;
};

struct SurvivingSchema {
  std::vector<SchemaItem> items;  // in the order in which they were made; no two alike
  bool complete = true;           // no part of the schema was lost
  std::uint64_t pages_lost = 0, rows_damaged = 0;
};

// Where a part of the schema's own tree is lost, pages that hold nothing but rows of a schema are
// looked for in all of the file. Claims the schema's pages.
SurvivingSchema read_surviving_schema(const DamagedImage& image, PageCensus& census,
                                      RowReader& reader);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_SURVIVING_SCHEMA_H_
