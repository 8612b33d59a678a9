// Creating a lease in a store that cannot create exclusively: the objects
// `leases/<series>/<number>-claim-<id>`.
//
// Whoever wants the number puts a claim of its own, and then looks. It goes on only when its claim
// is the only one and the lease is not there; where there are several claims, all but the smallest
// are withdrawn. Of two that look, the later one sees the claim of the other, so never do both go
// on. A claim outlives the creation of its lease, so a look that does not find the claim any more
// finds the lease. Whoever took a claim for dead removes it before it looks again, and whoever
// created the lease looks for its own claim afterwards: if it is gone, it has not got the lease.
//
// So two holders are impossible whatever happens when, as long as list() and stat() show what
// put() and remove() have returned for. Time only decides when a claim counts as dead. Leases that
// are created in one request need none of this.
//
// docs/format.md, "Leases".
#ifndef HOLDFAST_REPOSITORY_LEASE_CLAIM_H_
#define HOLDFAST_REPOSITORY_LEASE_CLAIM_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "env/clock.h"
#include "storage/store.h"

namespace holdfast::repository {

inline constexpr std::string_view kClaim = "-claim-";

struct ClaimOptions {
  std::chrono::milliseconds stale_after{30'000};  // a claim that stays for so long is a dead one's
  std::chrono::milliseconds look_every{500};
  // Whether who put a claim of this content has certainly ended.
  std::function<bool(ByteView content)> is_dead = [](ByteView) { return false; };
};

// True if this call created the lease `object`, and nobody else did; false if somebody else has,
// may have, or is about to. A claim holds `content` too. Throws kInterrupted, and what the store
// throws; then the lease may be there, but nobody holds it by this call.
bool create_by_claim(storage::Store& store, env::Clock& clock, const std::string& object,
                     ByteView content, const ClaimOptions& options, std::stop_token stop);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_LEASE_CLAIM_H_
