#ifndef HOLDFAST_ENGINE_BACKUP_MAP_UPDATE_H_
#define HOLDFAST_ENGINE_BACKUP_MAP_UPDATE_H_

#include "engine/backup/base_state.h"
#include "engine/backup/placement.h"
#include "repository/blob_reader.h"
#include "repository/writer.h"

namespace holdfast::engine {

struct MapUpdate {
  BlobId root;
  std::uint64_t pages_changed = 0;  // placed by this backup
  std::uint64_t bytes_stored = 0;
};

struct MapWritingOptions {
  int compression_level = 0;
  unsigned threads = 1;
};

// Writes the page map of a database of `page_count` pages: what was placed, and the base's pages
// elsewhere. Leaves without a change are the base's own. `base` may be null.
MapUpdate write_map(repository::Writer& writer, const repository::BlobReader& reader,
                    const BaseState* base, const Placements& placements, std::uint64_t page_count,
                    const MapWritingOptions& options);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_MAP_UPDATE_H_
