// To which b-tree page the content belongs that did not fit into it and stands in overflow pages
// (https://sqlite.org/fileformat2.html, sections 1.6 and 1.7).
#ifndef HOLDFAST_SQLITE_OVERFLOW_OWNERS_H_
#define HOLDFAST_SQLITE_OVERFLOW_OWNERS_H_

#include <atomic>
#include <optional>
#include <vector>

#include "sqlite/page_difference.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

class OverflowOwners {
 public:
  // An overflow page begins with the number of the next one. As long as there are no more pages,
  // none of them begins as a b-tree page does.
  static constexpr PageNumber kMostPages = 0x01ffffff;

  // Empty for a database whose list of free pages is damaged: what they hold is taken for nothing.
  static std::optional<OverflowOwners> of(PageSource& source);

  // Each page of the database at most once. By several threads at once if they differ by
  // PageBits::kWordPages in what they look at.
  void look_at(PageNumber page, ByteView content);
  // Whether an overflow page would look like this one.
  bool may_be_overflow(PageNumber page, ByteView content) const;
  struct Climb {
    std::optional<PageNumber> owner;  // the b-tree page
    PageNumber end = 0;               // nobody that was looked at names this page; 0: not so
  };
  // From an overflow page to the b-tree page that it belongs to, over overflow pages for which
  // `stop` does not hold. Neither for b-tree pages, free ones, and where it stopped.
  template <typename Stop>
  Climb climb(PageNumber page, const Stop& stop) const {
    if (is_tree_.test(page) || is_other_.test(page)) return {};
    for (std::size_t steps = parents_.size(); steps > 0; --steps) {
      const PageNumber parent = parents_[page].load(std::memory_order_relaxed);
      if (parent == 0) return {.owner = std::nullopt, .end = page};
      if (stop(parent)) return {};
      if (is_tree_.test(parent)) return {.owner = parent, .end = 0};
      page = parent;
    }
    return {};
  }

 private:
  OverflowOwners(Geometry geometry, std::uint32_t usable);
  bool mark_free_pages(PageSource& source, PageNumber trunk);
  void mark_pointer_maps();
  void look_at_cells(PageNumber page, ByteView content);
  void note(PageNumber child, PageNumber parent);

  Geometry geometry_;
  std::uint32_t usable_;
  PageBits is_tree_, is_other_;  // other: free, of the pointer map, the one with the locks
  std::vector<std::atomic<PageNumber>> parents_;  // the page that names it
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_OVERFLOW_OWNERS_H_
