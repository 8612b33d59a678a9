// What a scan remembers of each page, in two bytes, so that rows can be counted and the structure
// checked without reading the database a second time.
#ifndef HOLDFAST_SQLITE_PAGE_FACTS_H_
#define HOLDFAST_SQLITE_PAGE_FACTS_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace holdfast::sqlite {

enum class PageKind : std::uint8_t { kOther = 0, kTableLeaf = 1, kIndexLeaf = 2, kInterior = 3 };

// Kind in the top two bits, number of cells below (at most 10,922 in a page of 64 KiB).
// Every page of any content has facts; a page that is no b-tree page may look like one.
struct PageFacts {
  std::uint16_t bits = 0;
  PageKind kind() const { return static_cast<PageKind>(bits >> 14); }
  std::uint16_t cells() const { return bits & 0x3fff; }
};

// `page_number` matters because page 1 carries the 100-byte file header before its b-tree header.
inline PageFacts facts_of(std::uint32_t page_number, ByteView page) {
  const std::byte* header = page.data() + (page_number == 1 ? 100 : 0);
  const std::uint16_t cells = load_be16(header + 3);
  if (cells > 0x3fff) return {};
  PageKind kind = PageKind::kOther;
  switch (std::to_integer<unsigned>(header[0])) {
    case 0x0d:
      kind = PageKind::kTableLeaf;
      break;
    case 0x0a:
      kind = PageKind::kIndexLeaf;
      break;
    case 0x05:
    case 0x02:
      kind = PageKind::kInterior;
      break;
    default:
      return {};
  }
  return {static_cast<std::uint16_t>(static_cast<unsigned>(kind) << 14 | cells)};
}

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_FACTS_H_
