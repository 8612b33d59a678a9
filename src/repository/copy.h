// Brings one repository up to date from another: several copies in several places.
//
// A copy has the snapshots, positions and marks of its source under the same ids, and nothing of
// its keys: it is opened by its own secrets. Where both have one master key, blobs and segments are
// the same under the same ids, and only what is missing is read. Where the keys differ, everything
// gets new ids and is encrypted anew; what did not change since an older snapshot that both have is
// found by walking the two maps side by side, so that then, too, only changes are read.
//
// Whatever passes through is decrypted, decoded and compared with its id before it is stored, and
// what is stored is proved as any backup's. A snapshot stands in the copy only when everything that
// it needs is there; an interruption leaves garbage for the next prune, nothing else.
#ifndef HOLDFAST_REPOSITORY_COPY_H_
#define HOLDFAST_REPOSITORY_COPY_H_

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "repository/timeline_retention.h"

namespace holdfast::repository {

struct CopyRequest {
  // What the copy would keep of all snapshots of both, newest first: the rest is not brought back
  // once it was forgotten there. Everything without it. Snapshots that replication took are not up
  // for this decision: they go with their timelines.
  std::function<std::set<SnapshotId>(std::span<const Snapshot> newest_first)> kept;
  TimelinePolicy timeline;
  unsigned threads = 0;  // 0: one for each core, at most four
  bool dry_run = false;  // only look what there is to do
};

// Something that could not be copied; everything else was.
struct CopyFailure {
  std::string what;  // "snapshot 3f2a91c0", or the name of an object
  std::string why;
};

struct CopyResult {
  std::uint64_t snapshots = 0;  // of all kinds
  std::uint64_t positions = 0;  // segments
  std::uint64_t marks = 0;
  std::uint64_t bytes_read = 0;    // of plaintext, by page content and segments
  std::uint64_t bytes_stored = 0;  // in packs and segments
  std::vector<CopyFailure> failures;
};

// Safe beside everything else that works on either of them, also beside another copy into the same
// place. Throws kUsage if both are one repository, and whatever makes the whole impossible; damage
// of single snapshots and segments is among `failures`.
CopyResult copy_history(const Repository& from, const Repository& to, const CopyRequest& request,
                        Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_COPY_H_
