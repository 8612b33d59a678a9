// A leaf of a page map: two bytes say how many pages it should cover. What is understood covers
// exactly these and is written back the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/page_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::repository;
  if (size < 2) return 0;
  const ByteView input = std::as_bytes(std::span(data, size));
  const std::uint64_t pages = 1 + load<std::uint16_t>(input.data()) % kLeafPages;
  try {
    const MapLeaf leaf = parse_leaf(input.subspan(2), pages);
    if (leaf.pages() != pages) std::abort();
    for (const LeafRun& run : leaf.runs) {
      if (run.blob >= leaf.blobs.size()) std::abort();
    }
    if (!std::ranges::equal(serialize(leaf), input.subspan(2))) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) std::abort();
  }
  return 0;
}
