#include "service/timeline_verification.h"

#include <fmt/format.h>

#include <set>

#include "repository/timeline.h"

namespace holdfast::service {

std::vector<VerifiedTimeline> verify_timelines(Session& session,
                                               const std::vector<repository::Snapshot>& snapshots) {
  const repository::Repository& repository = session.repository();
  std::set<std::string> names;
  std::set<SnapshotId> ids;
  for (const repository::Snapshot& snapshot : snapshots) {
    ids.insert(snapshot.id);
    for (const auto& state : snapshot.databases) names.insert(state.name);
  }
  std::vector<VerifiedTimeline> result;
  for (const std::string& name : names) {
    const auto timeline =
        repository::load_timeline(repository, repository::timeline_series(repository, name), &ids);
    if (timeline.empty()) continue;
    session.progress().stage(fmt::format("Reading the timeline of {}", name), 0);
    result.push_back(
        {.database = name, .verdict = repository::verify_timeline(repository, timeline)});
  }
  return result;
}

}  // namespace holdfast::service
