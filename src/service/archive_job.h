// `holdfast archive`: a snapshot as a file that plain tar reads.
#ifndef HOLDFAST_SERVICE_ARCHIVE_JOB_H_
#define HOLDFAST_SERVICE_ARCHIVE_JOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/legacy/snapshot_archive.h"
#include "service/session.h"

namespace holdfast::service {

struct ArchiveJob {
  env::Path file;                      // absolute
  std::vector<std::string> databases;  // names; empty: all of the snapshot
  bool replace = false;                // what is at `file`
};

struct ArchiveOutcome {
  std::vector<engine::ArchivedDatabase> databases;  // of the snapshot that was given
  std::uint64_t bytes = 0;                          // of the file
  double seconds = 0;
};

// Whatever fails leaves `file` as it was. Throws kTargetExists, kDatabaseUnknown, and as
// engine::write_snapshot_archive().
ArchiveOutcome write_archive(Session& session, const repository::Snapshot& snapshot,
                             const ArchiveJob& job);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_ARCHIVE_JOB_H_
