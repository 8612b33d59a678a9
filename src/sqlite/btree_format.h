// The first bytes of a b-tree page (https://www.sqlite.org/fileformat2.html#b_tree_pages).
#ifndef HOLDFAST_SQLITE_BTREE_FORMAT_H_
#define HOLDFAST_SQLITE_BTREE_FORMAT_H_

#include <cstddef>

namespace holdfast::sqlite {

inline constexpr std::byte kIndexInterior{0x02}, kTableInterior{0x05}, kIndexLeaf{0x0a},
    kTableLeaf{0x0d};
inline constexpr std::size_t kInteriorHeaderSize = 12;

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_BTREE_FORMAT_H_
