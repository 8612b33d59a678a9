// Where in one b-tree two databases can differ, by their pages alone: the interior pages are read,
// leaves are not.
#ifndef HOLDFAST_SQLITE_TREE_DIFFERENCE_H_
#define HOLDFAST_SQLITE_TREE_DIFFERENCE_H_

#include <cstdint>
#include <functional>
#include <limits>

#include "sqlite/page_difference.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

struct RowidRange {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  bool operator==(const RowidRange&) const = default;
};

struct Tree {
  PageSource& source;
  PageNumber root = 0;
};

// Ranges that hold every row of a table (with rowids) that is not the same on both sides, in
// order and apart from each other; other rows may be in them. Throws kDatabaseDamaged.
void visit_different_ranges(const Tree& before, const Tree& after, const PageDifference& pages,
                            const std::function<void(const RowidRange&)>& visit);

// Whether all pages of two trees of any kind are the same ones with the same content. Throws
// kDatabaseDamaged.
bool is_same_tree(const Tree& before, const Tree& after, const PageDifference& pages);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TREE_DIFFERENCE_H_
