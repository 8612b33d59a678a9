#include "engine/guard/deleted_records.h"

#include "base/error.h"
#include "engine/records/own_tables.h"

namespace holdfast::engine {
namespace {

sqlite::Tombstones::Deleted deleted_by(const Row& row) {
  try {
    Tombstone tombstone = tombstone_of(row);
    return {
        .table = std::move(tombstone.table),
        .key = {.columns = std::move(tombstone.key_columns), .values = std::move(tombstone.key)}};
  } catch (const Error&) {
    const auto* table = std::get_if<std::string>(&row.front());
    return {.table = table == nullptr ? "" : *table, .key = {}};
  }
}

sqlite::ForeignKey belonging_of(const std::string& table, const std::vector<std::string>& columns,
                                const Collection& owner,
                                const std::vector<std::string>& references) {
  return {.child = table, .parent = owner.table, .from = columns, .to = references};
}

}  // namespace

sqlite::Tombstones deleted_records(std::span<const Collection> collections) {
  sqlite::Tombstones tombstones{.table = kTombstonesTable,
                                .columns = tombstone_columns(),
                                .read = deleted_by,
                                .belongings = {}};
  for (const Collection& collection : collections) {
    for (const ChildTable& child : collection.children) {
      tombstones.belongings.push_back(
          belonging_of(child.table, child.parent, collection, child.references));
    }
    for (const DeleteCascade& cascade : collection.cascades) {
      tombstones.belongings.push_back(
          belonging_of(cascade.table, cascade.columns, collection, cascade.references));
    }
  }
  return tombstones;
}

}  // namespace holdfast::engine
