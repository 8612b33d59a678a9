// Which snapshots go, and their going. docs/retention.md says what the policies mean.
#ifndef HOLDFAST_SERVICE_FORGETTING_H_
#define HOLDFAST_SERVICE_FORGETTING_H_

#include <span>
#include <string>
#include <vector>

#include "repository/retention.h"
#include "service/session.h"
#include "service/snapshot_choice.h"

namespace holdfast::service {

struct ForgetDecision {
  repository::Snapshot snapshot;
  bool keep = false;
  std::vector<std::string> reasons;
};
struct ForgetPlan {
  std::vector<ForgetDecision> decisions;  // newest first; only those that were up for decision
  std::vector<repository::Snapshot> removed() const;
};

// Safety snapshots count for themselves: what restores put away never displaces a backup. Those
// that replication took are not up for decision: they go with their timeline.
ForgetPlan plan_by_policy(const repository::RetentionPolicy& policy,
                          std::vector<repository::Snapshot> newest_first);
// Snapshots of one database that has a [databases.NAME.keep] follow that, all others [retention];
// those that no policy of the configuration is for are not up for decision. Throws kUsage if there
// is no policy at all.
ForgetPlan plan_by_configuration(const Configuration& configuration,
                                 std::span<const repository::Snapshot> newest_first);
// The series of one snapshot: same host, same set of databases, exactly the same tags.
ForgetPlan plan_series(const repository::RetentionPolicy& policy,
                       const repository::Snapshot& member,
                       std::span<const repository::Snapshot> newest_first);
// By selectors, as `holdfast forget SNAPSHOT…` has them.
ForgetPlan plan_named(std::span<const std::string> selectors,
                      std::span<const repository::Snapshot> newest_first);

// Databases of which no undamaged snapshot would be left.
std::vector<std::string> left_without_snapshot(const ForgetPlan& plan,
                                               std::span<const repository::Snapshot> all);

// Removes what the plan says, after it has been written to the log. Snapshots that a machine with a
// write-only key may be about to go on from are left, and notices say so.
void forget(Session& session, const ForgetPlan& plan);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_FORGETTING_H_
