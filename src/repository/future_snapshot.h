// Snapshots whose time is still to come: a clock was set back, or was wrong when they were taken.
#ifndef HOLDFAST_REPOSITORY_FUTURE_SNAPSHOT_H_
#define HOLDFAST_REPOSITORY_FUTURE_SNAPSHOT_H_

#include <optional>
#include <vector>

#include "base/time.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

// Moves those later than `now` out of `snapshots`; both stay in order.
std::vector<Snapshot> take_future_snapshots(std::vector<Snapshot>& snapshots, Time now);

// The one of the same databases that stands before `taken` because it is later than now. Looks at
// the last object written besides, by the store's clock, not at all of them: so it costs a listing,
// and where the store has a clock of its own it only knows of the last backup.
std::optional<Snapshot> find_future_snapshot(const Repository& repository, const Snapshot& taken);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_FUTURE_SNAPSHOT_H_
