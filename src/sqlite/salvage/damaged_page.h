// One page of a damaged database, of which nothing is believed
// (https://sqlite.org/fileformat2.html, section 1.6).
#ifndef HOLDFAST_SQLITE_SALVAGE_DAMAGED_PAGE_H_
#define HOLDFAST_SQLITE_SALVAGE_DAMAGED_PAGE_H_

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

enum class BtreePageType : std::uint8_t {
  kNone,
  kTableLeaf,
  kTableInterior,
  kIndexLeaf,
  kIndexInterior
};

inline bool is_interior(BtreePageType type) {
  return type == BtreePageType::kTableInterior || type == BtreePageType::kIndexInterior;
}
inline bool is_of_table(BtreePageType type) {
  return type == BtreePageType::kTableLeaf || type == BtreePageType::kTableInterior;
}

// Big-endian groups of seven bits, at most nine bytes; takes them from `rest`. Empty where they end
// too early.
std::optional<std::uint64_t> take_varint(ByteView& rest);

struct BtreeCell {
  PageNumber child = 0;    // of an interior page
  std::int64_t key = 0;    // rowid; of table pages only
  bool has_key = false;    // otherwise the key is the record
  std::uint64_t size = 0;  // of the whole payload; 0 in the interior of a table
  ByteView local;          // the part of it in the page
  PageNumber overflow = 0;
  std::size_t start = 0, bytes = 0;  // where the cell lies in the page
};

// Borrows the bytes.
class DamagedPage {
 public:
  // `usable` is the size of the page without its reserved bytes; at most what `page` has.
  DamagedPage(PageNumber number, ByteView page, std::uint32_t usable);

  BtreePageType type() const { return type_; }
  // As many as the header says and the page has room for.
  std::size_t cells() const { return cells_; }
  // Empty where the cell does not lie whole in the page, behind the list of cells.
  std::optional<BtreeCell> cell(std::size_t index) const;
  PageNumber right_child() const;  // 0 for leaves

 private:
  ByteView bytes_;  // the usable ones
  std::size_t header_ = 0, pointers_ = 0, cells_ = 0;
  BtreePageType type_ = BtreePageType::kNone;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_DAMAGED_PAGE_H_
