// Proofs: that a state was really restored and checked. The objects `proofs/<series>/<time>-<id>`,
// sealed like every document: only who has the key can have written one.
#ifndef HOLDFAST_REPOSITORY_PROOF_H_
#define HOLDFAST_REPOSITORY_PROOF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "repository/repository.h"
#include "repository/timeline.h"

namespace holdfast::repository {

struct Proof {
  ObjectId id;  // random; put_proof() chooses it if it is zero
  Time time{};  // when the drill began
  std::string database, host, version;
  SnapshotId snapshot;  // restored from
  Position position;    // branch 0: the snapshot itself
  Time state{};         // the moment of the restored state
  std::uint64_t bytes = 0;
  double restore_seconds = 0;  // what a restore would take: the RTO
  double total_seconds = 0;    // with the checks
  std::string checksum;        // restored and compared
  bool integrity = false, invariants = false;
  std::vector<std::string> findings;  // empty when all is proved
  bool passed() const { return integrity && invariants && findings.empty(); }
};

void put_proof(const Repository& repository, std::string_view series, const Proof& proof);
// The newest; empty without one. Unreadable ones are passed over.
std::optional<Proof> newest_proof(const Repository& repository, std::string_view series,
                                  bool passed_only = false);
// Leaves the newest `keep`.
void remove_old_proofs(const Repository& repository, std::string_view series, std::size_t keep);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PROOF_H_
