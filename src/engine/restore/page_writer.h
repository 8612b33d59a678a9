// Writes the pages of one database state into a new file and proves them on the way.
#ifndef HOLDFAST_ENGINE_RESTORE_PAGE_WRITER_H_
#define HOLDFAST_ENGINE_RESTORE_PAGE_WRITER_H_

#include "base/progress.h"
#include "engine/restore/page_plan.h"
#include "env/file_system.h"
#include "repository/blob_reader.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

// Fills `file` (new and empty) and syncs it. Each blob is read once, however its pages are
// scattered; writing back to the device runs meanwhile. Throws kChecksumMismatch unless every blob
// holds what its id says and the checksum is the state's.
void write_pages(const repository::BlobReader& reader, const repository::DatabaseState& state,
                 env::File& file, unsigned threads, Progress& progress);

// The same for `state` as it came to be from `base`: pages in `newer` are taken from there, the
// others from base's map. Both have one page size; pages beyond base's count must be in `newer`.
void write_pages(const repository::BlobReader& reader, const repository::DatabaseState& base,
                 const repository::DatabaseState& state, const NewerPages& newer, env::File& file,
                 unsigned threads, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_PAGE_WRITER_H_
