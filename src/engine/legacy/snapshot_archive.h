// A snapshot as an archive that needs no Holdfast: backup_metadata.json, and the database files.
#ifndef HOLDFAST_ENGINE_LEGACY_SNAPSHOT_ARCHIVE_H_
#define HOLDFAST_ENGINE_LEGACY_SNAPSHOT_ARCHIVE_H_

#include <cstdint>
#include <span>
#include <string>

#include "base/progress.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

inline constexpr const char* kArchiveMetadata = "backup_metadata.json";

struct ArchivedDatabase {
  const repository::DatabaseState* state = nullptr;  // of the snapshot
  std::string file;                                  // its name in the archive
};

// Writes the archive to `file`, which is new and empty, and syncs it; answers its size. The same
// snapshot and databases give the same bytes. Memory does not grow with the databases. Throws
// kChecksumMismatch unless each database is what its snapshot says, kDamagedObject, kMissingObject,
// kInterrupted, kDiskFull, kIo.
std::uint64_t write_snapshot_archive(const repository::Repository& repository,
                                     const repository::Snapshot& snapshot,
                                     std::span<const ArchivedDatabase> databases, env::File& file,
                                     Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_SNAPSHOT_ARCHIVE_H_
