#include "repository/future_snapshot.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace holdfast::repository {

std::vector<Snapshot> take_future_snapshots(std::vector<Snapshot>& snapshots, Time now) {
  const auto future =
      std::stable_partition(snapshots.begin(), snapshots.end(),
                            [&](const Snapshot& snapshot) { return snapshot.time <= now; });
  std::vector<Snapshot> taken(std::make_move_iterator(future),
                              std::make_move_iterator(snapshots.end()));
  snapshots.erase(future, snapshots.end());
  return taken;
}

std::optional<Snapshot> find_future_snapshot(const Repository& repository, const Snapshot& taken) {
  const std::string own = object_name(repository, taken);
  const std::string folder = own.substr(0, own.rfind('/') + 1);
  std::optional<SnapshotId> last;
  Time written = Time::min();
  repository.store().list(folder, [&](std::string_view name, const storage::ObjectStatus& status) {
    const auto id = SnapshotId::from_hex(name.substr(folder.size()));
    if (!id || *id == taken.id || status.modified < written) return;
    last = id;
    written = status.modified;
  });
  if (!last) return std::nullopt;
  auto snapshot = find_snapshot(repository, series_of(repository, taken.databases), *last);
  if (!snapshot || snapshot->time <= repository.clock().now()) return std::nullopt;
  return snapshot;
}

}  // namespace holdfast::repository
