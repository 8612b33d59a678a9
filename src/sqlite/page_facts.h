// What a scan remembers of each page, in two bytes, so that rows can be counted and the structure checked
// without reading the database a second time.
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
PageFacts facts_of(std::uint32_t page_number, ByteView page);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_FACTS_H_
