#ifndef HOLDFAST_ENGINE_RESTORE_RESTORE_H_
#define HOLDFAST_ENGINE_RESTORE_RESTORE_H_

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/backup/backup.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "sqlite/row_merge.h"

namespace holdfast::engine {

struct RestoreRequest {
  std::string database;          // its name within the snapshot
  std::filesystem::path target;  // where the database shall be
  bool while_open = false;       // replace it even though another process has it open
  bool safety_snapshot = true;   // of what is at the target, tagged "before-restore"
  std::chrono::milliseconds busy_timeout{10'000};
  BackupRequest safety;  // cache directory, command, level of the safety snapshot; its databases
                         // are filled in
  unsigned threads = 0;
  // Rows that may never come back: they are taken out of the proved copy before it is swapped in.
  std::vector<sqlite::Exclusion> exclusions;
};

struct RestoreResult {
  std::filesystem::path target;
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::string checksum;                                 // proved equal to the snapshot's
  std::optional<repository::Snapshot> safety_snapshot;  // how to undo; empty if nothing was there
  std::vector<std::filesystem::path>
      set_aside;                    // files of a damaged predecessor that could not be merged
  std::uint64_t excluded_rows = 0;  // that were taken out after the proof
  std::uint64_t deleted_rows = 0;   // the same, of records that had been deleted before
};

// Writes the database beside the target, proves its checksum, syncs it, and only then swaps it in.
// Whatever fails before the swap leaves the target as it was. Throws kDatabaseOpen,
// kChecksumMismatch, kDamagedObject, kMissingObject, kDiskFull …, kSnapshotMissing where the
// snapshot is forgotten meanwhile.
RestoreResult restore(const repository::Repository& repository, env::FileSystem& files,
                      const repository::Snapshot& snapshot, const RestoreRequest& request,
                      Progress& progress);

// The same without any target to replace: for drills and integrity checks. `path` must not exist.
std::uint64_t restore_copy(const repository::Repository& repository, env::FileSystem& files,
                           const repository::DatabaseState& state,
                           const std::filesystem::path& path, unsigned threads, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_RESTORE_H_
