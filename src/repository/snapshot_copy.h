#ifndef HOLDFAST_REPOSITORY_SNAPSHOT_COPY_H_
#define HOLDFAST_REPOSITORY_SNAPSHOT_COPY_H_

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/progress.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

// Whether one master key opens both: then everything has the same id in both.
bool same_keys(const Repository& one, const Repository& other);

// Copies snapshots one after the other, and remembers of each what the next ones can use. See
// repository/copy.h.
class SnapshotCopy {
 public:
  SnapshotCopy(const Repository& from, const Repository& to, unsigned threads, Progress& progress);

  // One snapshot as it is in both.
  struct Base {
    Snapshot from, to;
  };
  // Returns it as it is in the copy. What it shares with `base` is not read again. Throws
  // kDamagedObject and kMissingObject for what the source cannot give.
  Snapshot copy(const Snapshot& snapshot, const std::optional<Base>& base);

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_stored() const { return bytes_stored_; }

 private:
  struct Leaf {
    BlobId id;         // in the copy
    SnapshotId owner;  // that needs it there: as long as that stands, the leaf is whole
    // Of its pages' digests there, as if the first were page 1. Not known yet of one that was found
    // there; not needed where the keys are the same.
    std::optional<codec::PageDigest> sum;
  };
  using Leaves = std::unordered_map<BlobId, Leaf>;  // by id in the source
  class Work;

  const Repository& from_;
  const Repository& to_;
  const unsigned threads_;
  Progress& progress_;
  const bool same_keys_;
  const LoadedIndex source_index_;
  const BlobReader source_;
  const codec::ChecksumKey checksum_key_;  // of the copy

  std::mutex mutex_;
  Leaves leaves_;  // of snapshots that stand in the copy
  // Where the keys differ: what a blob of pages is called in the copy, if it is still there.
  std::unordered_map<BlobId, BlobId> blobs_;
  std::uint64_t bytes_read_ = 0, bytes_stored_ = 0;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SNAPSHOT_COPY_H_
