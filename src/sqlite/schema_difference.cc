#include "sqlite/schema_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

int rank_of(const std::string& type) {
  constexpr const char* kOrder[] = {"setting", "table", "index", "view", "trigger"};
  return static_cast<int>(std::ranges::find(kOrder, type) - std::begin(kOrder));
}

void add(std::vector<SchemaDifference>& differences, const SchemaObject* before,
         const SchemaObject* after) {
  const SchemaObject& named = after != nullptr ? *after : *before;
  SchemaDifference difference{.type = named.type,
                              .name = named.name,
                              .table = named.table,
                              .before = std::nullopt,
                              .after = std::nullopt};
  if (before != nullptr) difference.before = before->sql;
  if (after != nullptr) difference.after = after->sql;
  differences.push_back(std::move(difference));
}

}  // namespace

SchemaObjects schema_objects(sqlite3* connection) {
  SchemaObjects objects;
  Statement schema(connection,
                   "SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_schema "
                   "WHERE sql IS NOT NULL");
  while (schema.step()) {
    SchemaObject object{.type = schema.text(0),
                        .name = schema.text(1),
                        .table = schema.text(2),
                        .sql = schema.text(3),
                        .root = static_cast<PageNumber>(schema.integer(4))};
    if (object.name.starts_with("sqlite_")) continue;
    const std::string name = object.name;
    objects.emplace(name, std::move(object));
  }
  return objects;
}

std::vector<SchemaDifference> schema_differences(const SchemaObjects& before,
                                                 const SchemaObjects& after) {
  std::vector<SchemaDifference> differences;
  for (const auto& [name, object] : before) {
    const auto other = after.find(name);
    if (other == after.end() || other->second.type != object.type) {
      add(differences, &object, nullptr);
    } else if (other->second.sql != object.sql) {
      add(differences, &object, &other->second);
    }
  }
  for (const auto& [name, object] : after) {
    const auto other = before.find(name);
    if (other == before.end() || other->second.type != object.type) {
      add(differences, nullptr, &object);
    }
  }
  std::ranges::stable_sort(differences, {}, [](const SchemaDifference& difference) {
    return std::tuple(rank_of(difference.type), difference.name);
  });
  return differences;
}

std::vector<SchemaDifference> setting_differences(sqlite3* before, sqlite3* after) {
  std::vector<SchemaDifference> differences;
  for (const char* name : {"application_id", "user_version"}) {
    const auto read = [&](sqlite3* connection) {
      Statement pragma(connection, fmt::format("PRAGMA main.{}", name));
      return pragma.step() ? pragma.text(0) : std::string();
    };
    const std::string one = read(before), other = read(after);
    if (one == other) continue;
    differences.push_back(
        {.type = "setting", .name = name, .table = {}, .before = one, .after = other});
  }
  return differences;
}

}  // namespace holdfast::sqlite
