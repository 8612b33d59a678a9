#include "repository/prune_plan.h"

#include <optional>
#include <string>
#include <utility>

namespace holdfast::repository {
PrunePlan plan_prune(const Index& index, const Reachable& reachable,
                     const std::unordered_set<PackId>& already, double max_waste) {
  PrunePlan plan;
  BlobSet placed(index);  // a blob that is needed once is not needed twice
  const auto consider = [&](const PackDescription& pack) {
    std::uint64_t needed = 0, total = 0;
    bool damaged = index.withdrawn().contains({pack.id, kPackItself});
    std::vector<std::uint32_t> own;
    for (std::uint32_t i = 0; i < pack.entries.size(); ++i) {
      const BlobEntry& entry = pack.entries[i];
      total += entry.stored_size;
      if (index.withdrawn().contains({pack.id, entry.id})) {
        damaged = true;
        continue;
      }
      if (!reachable.blobs.contains(entry.id) || !placed.insert(entry.id)) continue;
      needed += entry.stored_size;
      own.push_back(i);
    }
    const bool wasteful =
        static_cast<double>(total - needed) > max_waste * static_cast<double>(total);
    if (needed > 0 && !wasteful && !damaged && !already.contains(pack.id)) return;
    plan.condemned.push_back(pack.id);
    if (needed == 0) return;
    own.shrink_to_fit();
    plan.repacked.push_back({pack.id, std::move(own)});
    plan.rewritten += needed;
  };
  // What is condemned already comes last: where a kept pack has a blob too, nothing is to be
  // written.
  for (const bool condemned : {false, true}) {
    for (const PackDescription& pack : index.packs()) {
      if (already.contains(pack.id) == condemned) consider(pack);
    }
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
