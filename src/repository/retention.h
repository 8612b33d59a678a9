// Which snapshots a policy keeps. Semantics are restic's, stated in docs/retention.md.
#ifndef HOLDFAST_REPOSITORY_RETENTION_H_
#define HOLDFAST_REPOSITORY_RETENTION_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct RetentionPolicy {
  int last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;  // -1: all
  std::optional<CalendarSpan> within =
      std::nullopt;                    // counted back from the newest snapshot of the group
  std::vector<std::string> tags = {};  // keep every snapshot with one of these
  bool empty() const;
};

struct RetentionDecision {
  const Snapshot* snapshot;
  bool keep = false;
  std::vector<std::string> reasons;  // "last 3", "daily 2026-11-20"
};

// Groups by host and set of databases (as restic by host and paths); periods are in UTC. Throws
// kUsage for an empty policy: it would keep nothing. A policy never forgets the only undamaged
// snapshot of a database: the newest one is then kept for "the last intact one".
std::vector<RetentionDecision> apply(const RetentionPolicy& policy,
                                     std::span<const Snapshot> newest_first);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_RETENTION_H_
