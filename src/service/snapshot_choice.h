// What people mean by "latest": the latest backup, not what a restore put away before it replaced
// something.
#ifndef HOLDFAST_SERVICE_SNAPSHOT_CHOICE_H_
#define HOLDFAST_SERVICE_SNAPSHOT_CHOICE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "repository/snapshot.h"

namespace holdfast::service {

inline constexpr std::string_view kSafetyTag = "before-restore";
bool is_safety_snapshot(const repository::Snapshot& snapshot);

// Snapshots with all of `tags` that hold all of `databases`.
struct SnapshotFilter {
  std::vector<std::string> tags, databases;
  bool matches(const repository::Snapshot& snapshot) const;
};
std::vector<repository::Snapshot> filtered(std::span<const repository::Snapshot> snapshots,
                                           const SnapshotFilter& filter);

// As repository::select(), among those that hold all of `databases`; "latest" passes over safety
// snapshots unless there is nothing else.
repository::Snapshot choose_snapshot(std::span<const repository::Snapshot> newest_first,
                                     repository::Selector selector,
                                     std::span<const std::string> databases);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SNAPSHOT_CHOICE_H_
