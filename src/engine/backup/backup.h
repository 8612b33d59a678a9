#ifndef HOLDFAST_ENGINE_BACKUP_BACKUP_H_
#define HOLDFAST_ENGINE_BACKUP_BACKUP_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "codec/compression.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/sealed_session.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

struct BackupSource {
  std::string name;
  std::filesystem::path path;
};

struct BackupRequest {
  std::vector<BackupSource> databases;  // at least one; names are unique
  std::string name;                     // empty: "<db>[+<db>…]_backup_<YYYYMMDD_HHMMSS>"
  std::vector<std::string> tags;
  std::string command;  // for the log: the command line without secrets
  int compression_level = codec::kDefaultCompressionLevel;
  std::chrono::milliseconds busy_timeout{10'000};
  std::chrono::milliseconds longest_view{150};  // no read transaction is meant to be held longer
  std::filesystem::path cache_directory;  // empty: no local cache, every page is compared with the
                                          // repository's digests
  // Every page is read, even where the log proves that it did not change: see docs/incremental.md.
  bool read_all = false;
  unsigned threads = 0;  // 0: one a core, at most 4
  // The only database is known to be in no snapshot together with others: earlier ones need not be
  // looked for among those of all databases.
  bool in_own_series = false;
};

struct BackupResult {
  repository::Snapshot snapshot;  // acknowledged: it is durable when this is returned
  std::vector<std::string>
      warnings;  // damage found and the like; each was also given to Progress::warning
};

// Takes a snapshot of all the databases at one moment. Throws without having recorded anything;
// what was uploaded by then is garbage for the next prune.
BackupResult back_up(const repository::Repository& repository, env::FileSystem& files,
                     const BackupRequest& request, Progress& progress);
// The same into a sealed session, whose id the snapshot gets. What did not change since the
// machine's last snapshot is sent again unless the cache knows it. Throws kIntentLost if that
// snapshot, or the session, was removed meanwhile: in another session everything is sent.
BackupResult back_up(const repository::SealedSession& session, env::FileSystem& files,
                     const BackupRequest& request, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_BACKUP_H_
