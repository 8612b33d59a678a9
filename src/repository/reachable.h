#ifndef HOLDFAST_REPOSITORY_REACHABLE_H_
#define HOLDFAST_REPOSITORY_REACHABLE_H_

#include <span>
#include <unordered_set>
#include <vector>

#include "base/progress.h"
#include "repository/blob_reader.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct Reachable {
  std::unordered_set<BlobId> blobs;         // nodes, leaves and pages that the snapshots need
  std::uint64_t missing = 0;                // of them in no pack
  std::vector<SnapshotId> unreadable_maps;  // of which parts cannot be read
};

// Walks the maps of the snapshots; leaves that several of them share are read once. Parts of maps
// that are lost cannot be entered: what only they need is not in `blobs`.
Reachable find_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots,
                         Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_REACHABLE_H_
