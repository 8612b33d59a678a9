// Keeps the number of small index objects bounded. Each backup and each closing of a timeline adds
// one, and every restore reads them all. Full ones are left alone.
#ifndef HOLDFAST_REPOSITORY_INDEX_MERGE_H_
#define HOLDFAST_REPOSITORY_INDEX_MERGE_H_

#include <string>
#include <vector>

#include "repository/index.h"

namespace holdfast::repository {

// A writer that finds so many merges some of them into its own.
inline constexpr std::size_t kMostIndexObjects = 12;
// So many of the largest are left alone, unless they are no larger than the rest together: what is
// large is seldom written again.
inline constexpr std::size_t kLargeIndexObjects = 5;

struct IndexMerge {
  IndexContent content;               // what is to be put: `own`, and all that `replaced` had
  std::vector<std::string> replaced;  // to be removed once `content` is in the store
};

// The union of all index objects is the same before, between and after. Objects that list condemned
// or lost packs are not touched: a prune may be about to remove the last word of these packs, and
// it must not be said again behind its back.
IndexMerge merge_index(const LoadedIndex& loaded, IndexContent own);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_INDEX_MERGE_H_
