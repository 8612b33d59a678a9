// What a merge must not bring back: records that were deleted by way of Holdfast.
#ifndef HOLDFAST_ENGINE_GUARD_DELETED_RECORDS_H_
#define HOLDFAST_ENGINE_GUARD_DELETED_RECORDS_H_

#include <span>

#include "engine/records/collection.h"
#include "sqlite/buried_rows.h"

namespace holdfast::engine {

// By the tombstones of records/own_tables.h, with the children and cascades of these collections.
sqlite::Tombstones deleted_records(std::span<const Collection> collections);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_DELETED_RECORDS_H_
