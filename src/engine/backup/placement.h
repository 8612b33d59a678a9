// Where a backup has put the pages that it stored.
#ifndef HOLDFAST_ENGINE_BACKUP_PLACEMENT_H_
#define HOLDFAST_ENGINE_BACKUP_PLACEMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/id.h"

namespace holdfast::engine {

// `count` pages from `first` on are in the slots from `slot` on of blob number `blob`.
struct Placement {
  std::uint32_t first = 0, count = 0;
  std::uint32_t blob = 0, slot = 0;
  bool operator==(const Placement&) const = default;
};

class Placements {
 public:
  // `pages[i]` went to slot i. A later call wins over an earlier one for the same page.
  void add(const BlobId& blob, std::span<const std::uint32_t> pages);
  const BlobId& blob(std::uint32_t number) const { return blobs_[number]; }
  // Sorted by page and disjoint, each page where it was put last; pages beyond `page_count` left
  // out.
  std::vector<Placement> settle(std::uint64_t page_count) const;

 private:
  std::vector<BlobId> blobs_;
  std::vector<Placement> runs_;  // in the order they were added
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_PLACEMENT_H_
