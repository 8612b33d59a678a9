#include "service/forgetting.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "repository/sessions.h"
#include "repository/timeline_retention.h"
#include "service/audit.h"
#include "service/databases.h"

namespace holdfast::service {
namespace {

using repository::RetentionPolicy;
using repository::Snapshot;

std::set<std::string> names_of(const Snapshot& snapshot) {
  std::set<std::string> names;
  for (const auto& state : snapshot.databases) names.insert(state.name);
  return names;
}

const RetentionPolicy* policy_for(const Snapshot& snapshot, const Configuration& configuration) {
  if (snapshot.databases.size() == 1) {
    const DatabaseConfiguration* known =
        configuration_of(snapshot.databases.front().name, configuration);
    if (known != nullptr && known->keep) return &*known->keep;
  }
  return configuration.retention ? &*configuration.retention : nullptr;
}

void sort_newest_first(ForgetPlan& plan) {
  std::ranges::stable_sort(plan.decisions, std::ranges::greater{},
                           [](const ForgetDecision& decision) { return decision.snapshot.time; });
}

}  // namespace

std::vector<Snapshot> ForgetPlan::removed() const {
  std::vector<Snapshot> result;
  for (const ForgetDecision& decision : decisions) {
    if (!decision.keep) result.push_back(decision.snapshot);
  }
  return result;
}

ForgetPlan plan_by_policy(const RetentionPolicy& policy, std::vector<Snapshot> newest_first) {
  std::erase_if(newest_first, repository::is_replicated);
  const auto safety = std::stable_partition(newest_first.begin(), newest_first.end(),
                                            std::not_fn(is_safety_snapshot));
  ForgetPlan plan;
  for (const std::span<const Snapshot> part :
       {std::span<const Snapshot>(newest_first.begin(), safety),
        std::span<const Snapshot>(safety, newest_first.end())}) {
    for (repository::RetentionDecision& decision : repository::apply(policy, part)) {
      plan.decisions.push_back({.snapshot = *decision.snapshot,
                                .keep = decision.keep,
                                .reasons = std::move(decision.reasons)});
    }
  }
  sort_newest_first(plan);
  return plan;
}

ForgetPlan plan_by_configuration(const Configuration& configuration,
                                 std::span<const Snapshot> newest_first) {
  const bool any = configuration.retention ||
                   std::ranges::any_of(configuration.databases, [](const auto& database) {
                     return database.keep.has_value();
                   });
  if (!any) {
    throw Error(ErrorCode::kUsage, "it is not said what to keep, nor which snapshots to forget", {},
                "Say a policy such as --keep-daily 7, name snapshots, or write a [retention] into "
                "holdfast.toml.");
  }
  std::map<const RetentionPolicy*, std::vector<Snapshot>> parts;
  for (const Snapshot& snapshot : newest_first) {
    if (const RetentionPolicy* policy = policy_for(snapshot, configuration))
      parts[policy].push_back(snapshot);
  }
  ForgetPlan plan;
  for (auto& [policy, snapshots] : parts) {
    std::ranges::move(plan_by_policy(*policy, std::move(snapshots)).decisions,
                      std::back_inserter(plan.decisions));
  }
  sort_newest_first(plan);
  return plan;
}

ForgetPlan plan_series(const RetentionPolicy& policy, const Snapshot& member,
                       std::span<const Snapshot> newest_first) {
  std::vector<Snapshot> series;
  for (const Snapshot& snapshot : newest_first) {
    if (snapshot.host == member.host && snapshot.tags == member.tags &&
        names_of(snapshot) == names_of(member)) {
      series.push_back(snapshot);
    }
  }
  return plan_by_policy(policy, std::move(series));
}

ForgetPlan plan_named(std::span<const std::string> selectors,
                      std::span<const Snapshot> newest_first) {
  ForgetPlan plan;
  for (const std::string& text : selectors) {
    const Snapshot snapshot =
        choose_snapshot(newest_first, {.text = text, .index = {}, .database = {}}, {});
    if (std::ranges::none_of(plan.decisions,
                             [&](const auto& other) { return other.snapshot.id == snapshot.id; })) {
      plan.decisions.push_back({.snapshot = snapshot, .keep = false, .reasons = {}});
    }
  }
  sort_newest_first(plan);
  return plan;
}

std::vector<std::string> left_without_snapshot(const ForgetPlan& plan,
                                               std::span<const Snapshot> all) {
  std::set<SnapshotId> gone;
  for (const Snapshot& snapshot : plan.removed()) gone.insert(snapshot.id);
  std::set<std::string> before, after;
  for (const Snapshot& snapshot : all) {
    for (const auto& state : snapshot.databases) {
      if (!state.damage.empty()) continue;
      before.insert(state.name);
      if (!gone.contains(snapshot.id)) after.insert(state.name);
    }
  }
  std::vector<std::string> lost;
  std::ranges::set_difference(before, after, std::back_inserter(lost));
  return lost;
}

void forget(Session& session, const ForgetPlan& plan) {
  const std::vector<Snapshot> removed = plan.removed();
  if (removed.empty()) return;
  recording_failures(session, "forget", [&] {
    std::vector<repository::LogEntry> entries;
    std::vector<std::string> ids;
    for (const Snapshot& snapshot : removed) {
      entries.push_back(repository::entry_of(snapshot));
      ids.push_back(snapshot.id.short_hex());
    }
    record(session, "forget", "ok",
           fmt::format("{} of {} snapshots: {}", removed.size(), plan.decisions.size(),
                       fmt::join(ids, ", ")),
           entries);
    session.progress().stage("Forgetting snapshots", 0);
    for (const Snapshot& snapshot : removed) {
      if (repository::release(session.repository(), snapshot)) {
        repository::remove_snapshot(session.repository(), snapshot);
        continue;
      }
      session.progress().notice(
          fmt::format("snapshot {} stays for now: {} is sending a backup that may go on from it",
                      snapshot.id.short_hex(), snapshot.host));
    }
  });
}

}  // namespace holdfast::service
