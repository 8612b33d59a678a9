// Which table did pages belong to that nothing leads to any more?
#ifndef HOLDFAST_SQLITE_SALVAGE_ORPHAN_MATCH_H_
#define HOLDFAST_SQLITE_SALVAGE_ORPHAN_MATCH_H_

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sqlite/salvage/page_census.h"
#include "sqlite/salvage/row_reader.h"
#include "sqlite/salvage/stored_shape.h"

namespace holdfast::sqlite {

// A table, or an index.
struct DamagedTree {
  const SurvivingTree* tree = nullptr;
  const StoredShape* shape = nullptr;  // null for indexes
};

// SQLite never loses track of a page, so one that no tree and no free list has was in a tree that
// lost the page above it. It is given back to that tree where there is no doubt which one it was:
// - the pointer map of the database names the lost page above it, or
// - of the trees (not too many) that lost such a page, one alone has the shape of all its rows, and
// room for
//   their rowids. That holds only as long as the whole schema and all free pages are known: deleted
//   rows must not come back.
class OrphanMatch {
 public:
  // All must outlive this.
  OrphanMatch(const PageCensus& census, RowReader& reader, const std::vector<DamagedTree>& trees,
              bool all_is_known);

  // Which of `trees`, all of which are tables.
  std::optional<std::size_t> owner_of(const SurvivingTree& orphan);
  // The pointer map says that it is free.
  bool is_free(const SurvivingTree& orphan) const;

 private:
  struct Content {
    std::int64_t first = 0, last = 0;  // rowids
    bool any = false;
  };
  // Empty if a row does not fit.
  std::optional<Content> content_of(const SurvivingTree& orphan, const StoredShape& shape);
  bool may_own(const DamagedTree& candidate, const SurvivingTree& orphan);

  const PageCensus& census_;
  RowReader& reader_;
  const std::vector<DamagedTree>& trees_;
  std::vector<std::size_t> candidates_;  // trees that may own what nothing leads to
  bool all_is_known_;
  std::unordered_map<PageNumber, std::size_t> lost_;  // which tree lost a page
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_ORPHAN_MATCH_H_
