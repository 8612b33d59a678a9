#include "service/forgetting.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "service/audit.h"

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
    const DatabaseConfiguration* known = configuration.database(snapshot.databases.front().name);
    if (known != nullptr && known->keep) return &*known->keep;
  }
  return configuration.retention ? &*configuration.retention : nullptr;
}

void sort_newest_first(ForgetPlan& plan) {
  std::ranges::stable_sort(plan.decisions, std::ranges::greater{},
                           [](const ForgetDecision& decision) { return decision.snapshot.time; });
}

}  // namespace

bool SnapshotFilter::matches(const Snapshot& snapshot) const {
  return std::ranges::all_of(tags,
                             [&](const std::string& tag) {
                               return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
                             }) &&
         std::ranges::all_of(databases, [&](const std::string& name) {
           return snapshot.database(name) != nullptr;
         });
}

std::vector<Snapshot> filtered(std::span<const Snapshot> snapshots, const SnapshotFilter& filter) {
  std::vector<Snapshot> result;
  std::ranges::copy_if(snapshots, std::back_inserter(result),
                       [&](const Snapshot& snapshot) { return filter.matches(snapshot); });
  return result;
}

std::vector<Snapshot> ForgetPlan::removed() const {
  std::vector<Snapshot> result;
  for (const ForgetDecision& decision : decisions) {
    if (!decision.keep) result.push_back(decision.snapshot);
  }
  return result;
}

ForgetPlan plan_by_policy(const RetentionPolicy& policy, std::vector<Snapshot> newest_first) {
  ForgetPlan plan;
  for (repository::RetentionDecision& decision : repository::apply(policy, newest_first)) {
    plan.decisions.push_back({.snapshot = *decision.snapshot,
                              .keep = decision.keep,
                              .reasons = std::move(decision.reasons)});
  }
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
  std::set<const Snapshot*> chosen;
  for (const std::string& text : selectors) {
    chosen.insert(&repository::select(newest_first, {.text = text, .index = {}, .database = {}}));
  }
  ForgetPlan plan;
  for (const Snapshot* snapshot : chosen) {
    plan.decisions.push_back({.snapshot = *snapshot, .keep = false, .reasons = {"named"}});
  }
  sort_newest_first(plan);
  return plan;
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
    for (const Snapshot& snapshot : removed)
      repository::remove_snapshot(session.repository(), snapshot);
  });
}

}  // namespace holdfast::service
