#ifndef HOLDFAST_REPOSITORY_REACHABLE_H_
#define HOLDFAST_REPOSITORY_REACHABLE_H_

#include <span>
#include <vector>

#include "base/progress.h"
#include "repository/blob_reader.h"
#include "repository/blob_set.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct Reachable {
  BlobSet blobs;                            // nodes, leaves and pages that the snapshots need
  std::uint64_t missing = 0;                // of them in no pack
  std::vector<SnapshotId> unreadable_maps;  // of which parts cannot be read
};

// Walks the maps of the snapshots; what several of them share is read once, what lies together at
// once. Parts of maps that are lost cannot be entered: what only they need is not in `blobs`. What
// is in `known` already is taken to be there with all below it.
Reachable find_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots,
                         Progress& progress);
void add_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots, Reachable& known,
                   Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_REACHABLE_H_
