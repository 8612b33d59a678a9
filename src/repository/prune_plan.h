// What a prune means to do: which packs go, and what of them is written again.
#ifndef HOLDFAST_REPOSITORY_PRUNE_PLAN_H_
#define HOLDFAST_REPOSITORY_PRUNE_PLAN_H_

#include <cstdint>
#include <map>
#include <unordered_set>
#include <vector>

#include "base/id.h"
#include "repository/index.h"
#include "repository/reachable.h"
#include "repository/repository.h"

namespace holdfast::repository {

// What a condemned pack holds that is needed, and that no other pack is to keep.
struct Repacked {
  PackId pack;
  std::vector<std::uint32_t> entries;  // by their numbers in the pack
};

struct PrunePlan {
  std::vector<PackId> condemned;   // nothing in them is needed, or what is was written again
  std::vector<Repacked> repacked;  // of `condemned`: those that hold needed blobs
  std::uint64_t rewritten = 0;     // bytes of needed blobs in them
};

// Condemns what holds nothing needed, more garbage than the share `max_waste`, something damaged,
// or is in `already`.
PrunePlan plan_prune(const Index& index, const Reachable& reachable,
                     const std::unordered_set<PackId>& already, double max_waste);

// Packs that are cut short or cannot be read, with their sizes: evidence, as long as something may
// be missing that they held.
std::map<PackId, std::uint64_t> wreckage(const Repository& repository, const LoadedIndex& loaded);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PRUNE_PLAN_H_
