// What is not the same in the schemas of two databases.
#ifndef HOLDFAST_SQLITE_SCHEMA_DIFFERENCE_H_
#define HOLDFAST_SQLITE_SCHEMA_DIFFERENCE_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sqlite/page_source.h"
#include "sqlite/table_shape.h"

struct sqlite3;

namespace holdfast::sqlite {

struct SchemaObject {
  std::string type;   // "table", "index", "view", "trigger"
  std::string name;   // as it is written there
  std::string table;  // that an index or trigger is of; else the name again
  std::string sql;
  PageNumber root = 0;  // 0 for views, triggers and virtual tables
};
// By name. Without SQLite's own objects, and without the indexes that belong to constraints.
using SchemaObjects = std::map<std::string, SchemaObject, NameOrder>;
SchemaObjects schema_objects(sqlite3* connection);

// One of both is empty where the object is not there. `type` "setting" is a number in the file's
// header that is the application's own: user_version, application_id.
struct SchemaDifference {
  std::string type, name, table;
  std::optional<std::string> before, after;  // SQL, or the number
};
// By type and name; an object whose type changed went and came.
std::vector<SchemaDifference> schema_differences(const SchemaObjects& before,
                                                 const SchemaObjects& after);
std::vector<SchemaDifference> setting_differences(sqlite3* before, sqlite3* after);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SCHEMA_DIFFERENCE_H_
