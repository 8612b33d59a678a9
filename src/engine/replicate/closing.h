// Makes a snapshot of a position from what is known already: the base snapshot's map, and the pages
// in the overlay. The database is not read.
#ifndef HOLDFAST_ENGINE_REPLICATE_CLOSING_H_
#define HOLDFAST_ENGINE_REPLICATE_CLOSING_H_

#include <cstdint>
#include <string>

#include "base/progress.h"
#include "engine/replicate/page_overlay.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

struct ClosingRequest {
  std::string database;
  std::string source;                    // path
  repository::Snapshot base;             // of this database alone
  const PageOverlay* overlay = nullptr;  // everything that changed since the base, at least
  std::uint32_t page_size = 0;
  std::uint64_t page_count = 0;
  std::string checksum;  // of the state
  Time moment{};
  std::string command;
  env::Path digest_table;  // of the base; becomes that of the new snapshot
  int compression_level = 1;
};
// Packs → index → snapshot, tagged kReplicatedTag; acknowledged when it returns. The checksum is
// made anew from the new digest table and compared before the snapshot is written: throws
// kChecksumMismatch if they differ, and the caller scans instead. Throws also what a backup throws,
// and kMissingObject where the base has lost something.
repository::Snapshot close_timeline(const repository::Repository& repository,
                                    env::FileSystem& files, const ClosingRequest& request,
                                    Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_CLOSING_H_
