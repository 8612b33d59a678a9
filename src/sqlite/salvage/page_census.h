// Whose page is each page of a damaged database?
#ifndef HOLDFAST_SQLITE_SALVAGE_PAGE_CENSUS_H_
#define HOLDFAST_SQLITE_SALVAGE_PAGE_CENSUS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/progress.h"
#include "sqlite/salvage/damaged_image.h"
#include "sqlite/salvage/damaged_page.h"

namespace holdfast::sqlite {

// A pointer of a tree that leads to no page of it: that page was overwritten, or the pointer.
struct LostPage {
  PageNumber page = 0;    // 0 where the pointer itself cannot be read
  PageNumber parent = 0;  // 0 for a root
  // The rowids that lay below it; of tables only.
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  bool was_leaf = false;  // as its siblings are: nothing lies below it that is still to be found
};

struct SurvivingTree {
  PageNumber root = 0;
  bool is_table = false;          // with rowids, or else an index
  std::vector<PageNumber> pages;  // those with records, in the order of their keys
  std::vector<LostPage> lost;
};

// By one thread at a time. A tree has no page twice, and no page is in more than kMostOwners trees,
// so that no damage makes a walk endless. That it may be in several is for pages that were written
// to a wrong place: whose they are in truth is not known. Takes seven bytes of memory for each
// page.
class PageCensus {
 public:
  static constexpr std::uint8_t kMostOwners = 4;

  // Looks at every page once. `image` must outlive this.
  PageCensus(const DamagedImage& image, Progress& progress);

  BtreePageType type(PageNumber page) const { return types_[page]; }
  bool is_claimed(PageNumber page) const { return owners_[page] != 0; }
  // From now on no tree takes it.
  void claim(PageNumber page) { owners_[page] = kMostOwners; }

  SurvivingTree walk(std::int64_t root, bool is_table);
  // Of auto_vacuum databases: pages that say who points to each page.
  void claim_pointer_maps();
  struct Pointer {
    enum class Kind { kNone, kRoot, kFree, kChild, kOverflow };
    Kind kind = Kind::kNone;
    PageNumber parent = 0;
  };
  Pointer pointer_to(PageNumber page) const;
  // Pages that hold what was deleted. False where not all of them are known.
  bool claim_free_pages();
  bool is_free(PageNumber page) const { return free_[page]; }
  // Trees of pages that nothing leads to, in the order of their roots' numbers. Of free pages
  // only, or of all others.
  std::vector<SurvivingTree> take_orphans(bool free);

 private:
  struct Visit {
    PageNumber page = 0, parent = 0;
    std::int64_t first = 0, last = 0;
  };
  // Empty for an interior page none of whose children is a page of such a tree.
  std::optional<std::vector<Visit>> children_of(const Visit& visit) const;
  // As far as is known from its type.
  bool may_be_below(PageNumber page, bool is_table) const;
  bool may_be_taken(PageNumber page, bool free) const;
  PageNumber pointer_map_of(PageNumber page) const;

  const DamagedImage& image_;
  std::vector<BtreePageType> types_;  // by page number
  std::vector<std::uint8_t> owners_;
  std::vector<std::uint32_t> newest_owner_;
  std::uint32_t trees_ = 0;
  std::vector<bool> free_, leaf_parents_;
  mutable Bytes buffer_;  // one page
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_PAGE_CENSUS_H_
