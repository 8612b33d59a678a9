#include "repository/index_merge.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

namespace holdfast::repository {
namespace {

// About as it is written.
std::uint64_t weight(const IndexPart& part) {
  return part.withdrawn().size() * (PackId::kSize + BlobId::kSize) +
         part.pack_count() * std::uint64_t{PackId::kSize} +
         part.blob_count() * std::uint64_t{BlobEntry::kWrittenSize};
}

struct Candidate {
  const IndexObject* object;
  std::uint64_t weight;
};

std::vector<Candidate> smallest_first(const LoadedIndex& loaded) {
  std::vector<Candidate> candidates;
  for (const IndexObject& object : loaded.objects) {
    if (object.whole && !object.full()) candidates.push_back({&object, weight(*object.content)});
  }
  std::ranges::stable_sort(candidates, {}, &Candidate::weight);
  return candidates;
}

}  // namespace

IndexMerge merge_index(const LoadedIndex& loaded, IndexContent own) {
  IndexMerge merge{.content = std::move(own), .replaced = {}};
  std::vector<Candidate> candidates = smallest_first(loaded);
  if (candidates.size() < kMostIndexObjects) return merge;
  std::size_t taken = 0;
  std::uint64_t together = 0;
  while (taken < candidates.size() &&
         (taken + kLargeIndexObjects < candidates.size() || candidates[taken].weight <= together)) {
    together += candidates[taken++].weight;
  }
  candidates.resize(taken);

  std::unordered_set<PackId> listed;
  for (const PackDescription& pack : merge.content.packs) listed.insert(pack.id);
  std::set<WithdrawnBlob> withdrawn(merge.content.withdrawn.begin(), merge.content.withdrawn.end());
  for (const Candidate& candidate : candidates) {
    merge.replaced.push_back(candidate.object->name);
    const IndexPart& part = *candidate.object->content;
    for (std::uint32_t pack = 0; pack < part.pack_count(); ++pack) {
      if (listed.insert(part.pack_id(pack)).second) merge.content.packs.push_back(part.pack(pack));
    }
    withdrawn.insert(part.withdrawn().begin(), part.withdrawn().end());
  }
  merge.content.withdrawn.assign(withdrawn.begin(), withdrawn.end());
  return merge;
}

}  // namespace holdfast::repository
