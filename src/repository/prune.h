// Frees what no snapshot needs. Two-phase, without a lock: see docs/format.md, "Prune".
#ifndef HOLDFAST_REPOSITORY_PRUNE_H_
#define HOLDFAST_REPOSITORY_PRUNE_H_

#include <chrono>
#include <cstdint>

#include "base/progress.h"
#include "repository/repository.h"

namespace holdfast::repository {

struct PruneRequest {
  bool dry_run = false;
  double max_waste = 0.05;  // packs with more garbage than this share are repacked
  std::chrono::seconds grace{
      0};  // waited between the two marks; needed only where listings lag behind
  std::chrono::seconds longest_wait{60};  // for backups under way; then the next prune goes on
  std::chrono::seconds intent_timeout{
      600};  // a writer without a heartbeat for so long is taken for dead
};

struct PruneResult {
  std::uint64_t packs_removed = 0, packs_repacked = 0, packs_kept = 0;
  std::uint64_t bytes_freed = 0, bytes_rewritten = 0, bytes_kept = 0;
  std::uint64_t index_objects_before = 0, index_objects_after = 0;
};

// Throws kPruneRunning, and kDamagedObject without having removed anything while a snapshot or a
// part of its map cannot be read: it may need anything. Packs that are damaged beyond reading go as
// soon as nothing is missing that may have been in them.
PruneResult prune(const Repository& repository, const PruneRequest& request, Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PRUNE_H_
