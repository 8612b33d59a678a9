// Snapshots whose writer was taken for dead, and then really died before it could prove them.
#ifndef HOLDFAST_REPOSITORY_UNPROVED_H_
#define HOLDFAST_REPOSITORY_UNPROVED_H_

#include <vector>

#include "base/progress.h"
#include "repository/blob_reader.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

// A writer that was taken for dead may put its snapshot all the same, over packs that are gone
// meanwhile, and end before it has looked. Nobody was told of such a snapshot, it can never be
// restored, and what it needs cannot be known: here it is withdrawn in its writer's place, and
// taken out of `snapshots`. It is known by the marker of its writer, which is older than it, and by
// blobs that are in no pack of the reader's index, which must be younger than the list of
// snapshots.
void withdraw_unproved(const BlobReader& reader, std::vector<Snapshot>& snapshots,
                       Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_UNPROVED_H_
