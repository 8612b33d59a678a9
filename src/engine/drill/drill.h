// A restore done only to prove that it works.
#ifndef HOLDFAST_ENGINE_DRILL_DRILL_H_
#define HOLDFAST_ENGINE_DRILL_DRILL_H_

#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/guard/guard.h"
#include "env/file_system.h"
#include "repository/proof.h"
#include "repository/repository.h"

namespace holdfast::engine {

struct DrillRequest {
  std::string database;
  std::filesystem::path scratch;  // a folder of mode 0700 is made below it, and removed again
  std::vector<Invariant> invariants;
  std::vector<sqlite::Exclusion> exclusions;  // rows that a boot would take out before it asks
  unsigned threads = 0;
};
// Restores the newest reachable position (else the newest snapshot), compares the checksum, runs
// integrity_check and the invariants, and records the proof, passed or not. Throws kSnapshotMissing
// where there is nothing to restore, and for the scratch folder kDiskFull …: then no proof is
// recorded.
repository::Proof drill(const repository::Repository& repository, env::FileSystem& files,
                        const DrillRequest& request, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_DRILL_DRILL_H_
