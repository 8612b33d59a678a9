// Nodes of a page map: every node of the tree is the input, four bytes of it say how many pages
// there should be. However the tree is made, each leaf is visited once or told lost.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/page_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::repository;
  if (size < 4) return 0;
  const ByteView input = std::as_bytes(std::span(data, size)), node = input.subspan(4);
  const std::uint64_t pages = load<std::uint32_t>(input.data()) % (kLeafPages * 70'000);
  std::uint64_t next = 0;
  try {
    visit_leaves(
        {}, pages, [&](const BlobId&) { return Bytes(node.begin(), node.end()); },
        [&](std::uint64_t leaf, const BlobId&) {
          if (leaf != next++) std::abort();
        },
        [&](std::uint64_t first, std::uint64_t count) {
          if (first != next) std::abort();
          next += count;
        });
    if (next != leaf_count(pages)) std::abort();
    const auto children = parse_node(node, node.size() / BlobId::kSize);
    if (!std::ranges::equal(serialize_node(children), node)) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) std::abort();
  }
  return 0;
}
