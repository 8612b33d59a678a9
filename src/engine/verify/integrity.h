// SQLite's own opinion of what the repository holds: each database is restored to a folder of its
// own and checked there.
#ifndef HOLDFAST_ENGINE_VERIFY_INTEGRITY_H_
#define HOLDFAST_ENGINE_VERIFY_INTEGRITY_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

struct IntegrityFinding {
  SnapshotId snapshot;
  std::string snapshot_name, database;
  bool restored = true;  // false: it could not even be restored
  bool known = false;    // the snapshot is marked: the database was damaged when it was backed up
  std::vector<std::string> messages;  // integrity_check's, or why it could not be restored
};

struct IntegrityReport {
  std::uint64_t databases = 0;  // that were restored and checked; equal ones once
  std::vector<IntegrityFinding> findings;
};

// One database at a time is written, in clear, to a folder of mode 0700 below `directory`, and
// removed again. Damage is a finding, never an exception; throws kDiskFull, kPermissionDenied … for
// the folder itself.
IntegrityReport check_integrity(const repository::Repository& repository, env::FileSystem& files,
                                std::span<const repository::Snapshot> snapshots,
                                const std::filesystem::path& directory, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_VERIFY_INTEGRITY_H_
