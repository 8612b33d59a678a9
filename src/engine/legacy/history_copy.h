// The records of a collection as a snapshot, or a position of a timeline, has them.
#ifndef HOLDFAST_ENGINE_LEGACY_HISTORY_COPY_H_
#define HOLDFAST_ENGINE_LEGACY_HISTORY_COPY_H_

#include <functional>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/restore/page_writer.h"
#include "repository/blob_reader.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

// Opens the state for reading, its pages fetched as SQLite asks for them: nothing is restored.
// `state` and `newer` as in HistoryPages; a snapshot is its own base. Throws what `reading` throws,
// and kDamagedObject, kMissingObject for what the repository has lost.
void read_state(const repository::BlobReader& reader, const repository::DatabaseState& base,
                const repository::DatabaseState& state, const NewerPages& newer,
                const std::function<void(RowReader&)>& reading);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_HISTORY_COPY_H_
