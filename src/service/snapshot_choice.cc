#include "service/snapshot_choice.h"

#include <algorithm>
#include <iterator>

namespace holdfast::service {

using repository::Snapshot;

bool is_safety_snapshot(const Snapshot& snapshot) {
  return std::ranges::find(snapshot.tags, kSafetyTag) != snapshot.tags.end();
}

bool SnapshotFilter::matches(const Snapshot& snapshot) const {
  const auto has_tag = [&](const std::string& tag) {
    return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
  };
  const auto holds = [&](const std::string& name) { return snapshot.database(name) != nullptr; };
  return std::ranges::all_of(tags, has_tag) && std::ranges::all_of(databases, holds);
}

std::vector<Snapshot> filtered(std::span<const Snapshot> snapshots, const SnapshotFilter& filter) {
  std::vector<Snapshot> result;
  std::ranges::copy_if(snapshots, std::back_inserter(result),
                       [&](const Snapshot& snapshot) { return filter.matches(snapshot); });
  return result;
}

Snapshot choose_snapshot(std::span<const Snapshot> newest_first, repository::Selector selector,
                         std::span<const std::string> databases) {
  const auto holding =
      filtered(newest_first, {.tags = {}, .databases = {databases.begin(), databases.end()}});
  if (selector.text == "latest" && !selector.index) {
    const auto backup = std::ranges::find_if_not(holding, is_safety_snapshot);
    if (backup != holding.end()) return *backup;
  }
  if (!holding.empty()) return repository::select(holding, selector);
  // Nothing holds them all: select() says what is missing.
  if (!databases.empty()) selector.database = databases.front();
  return repository::select(newest_first, selector);
}

}  // namespace holdfast::service
