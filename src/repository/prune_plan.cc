#include "repository/prune_plan.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace holdfast::repository {
namespace {

// What is condemned already comes last: where a kept pack has a blob too, nothing is to be written.
std::vector<const PackDescription*> kept_first(const Index& index,
                                               const std::unordered_set<PackId>& already) {
  std::vector<const PackDescription*> packs;
  for (const PackDescription& pack : index.packs()) packs.push_back(&pack);
  std::ranges::stable_partition(
      packs, [&](const PackDescription* pack) { return !already.contains(pack->id); });
  return packs;
}

}  // namespace

PrunePlan plan_prune(const Index& index, const Reachable& reachable,
                     const std::unordered_set<PackId>& already, double max_waste) {
  PrunePlan plan;
  std::unordered_set<BlobId> placed;  // a blob that is needed once is not needed twice
  for (const PackDescription* pack : kept_first(index, already)) {
    std::uint64_t needed = 0, total = 0;
    bool damaged = index.withdrawn().contains({pack->id, kPackItself});
    std::unordered_set<BlobId> own;
    for (const BlobEntry& entry : pack->entries) {
      total += entry.stored_size;
      if (index.withdrawn().contains({pack->id, entry.id})) {
        damaged = true;
        continue;
      }
      if (!reachable.blobs.contains(entry.id) || placed.contains(entry.id)) continue;
      needed += entry.stored_size;
      own.insert(entry.id);
    }
    const bool wasteful =
        static_cast<double>(total - needed) > max_waste * static_cast<double>(total);
    const bool goes = needed == 0 || wasteful || damaged || already.contains(pack->id);
    if (goes) plan.condemned.push_back(pack->id);
    if (needed == 0) continue;
    placed.insert(own.begin(), own.end());
    if (!goes) continue;
    plan.repacked.push_back({pack->id, std::move(own)});
    plan.rewritten += needed;
  }
  return plan;
}

std::map<PackId, std::uint64_t> wreckage(const Repository& repository, const LoadedIndex& loaded) {
  std::map<PackId, std::uint64_t> packs;
  const auto add = [&](const std::string& name, const std::optional<PackId>& id) {
    const auto status = repository.store().stat(name);
    if (status && id) packs.emplace(*id, status->size);
  };
  for (const PackDescription& pack : loaded.lost_packs) add(pack_name(pack.id), pack.id);
  for (const std::string& name : loaded.unreadable_packs) add(name, pack_of(name));
  return packs;
}

}  // namespace holdfast::repository
