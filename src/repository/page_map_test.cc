#include "repository/page_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.h"

namespace holdfast::repository {
namespace {

BlobId page_blob(std::uint64_t number) {
  BlobId id;
  store(id.bytes.data(), number);
  return id;
}

TEST(MapLeaf, IsReadBackAsItWasWritten) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto draw = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 100; ++round) {
    LeafBuilder builder;
    while (builder.pages() < kLeafPages) {
      const auto left = static_cast<std::uint32_t>(kLeafPages - builder.pages());
      builder.add(page_blob(draw(7)), draw(256), std::min(left, 1 + draw(300)));
    }
    const MapLeaf leaf = builder.take();
    EXPECT_EQ(parse_leaf(serialize(leaf), kLeafPages), leaf);
    EXPECT_THROW(parse_leaf(serialize(leaf), kLeafPages - 1), Error);
  }
}

TEST(LeafBuilder, JoinsRunsThatContinueEachOther) {
  LeafBuilder builder;
  builder.add(page_blob(1), 0, 10);
  builder.add(page_blob(1), 10, 5);
  builder.add(page_blob(2), 15, 1);
  builder.add(page_blob(1), 16, 2);
  const MapLeaf leaf = builder.take();
  EXPECT_EQ(leaf.runs, (std::vector<LeafRun>{{15, 0, 0}, {1, 1, 15}, {2, 0, 16}}));
  EXPECT_EQ(leaf.blobs.size(), 2u);
}

TEST(PageMap, FindsEveryLeafAgainWhateverItsHeight) {
  for (const std::uint64_t leaves :
       {1ull, 2ull, 255ull, 256ull, 257ull, 512ull, 65536ull, 65537ull}) {
    std::map<BlobId, Bytes> nodes;
    MapBuilder builder([&](ByteView node) {
      const BlobId id = page_blob(1'000'000 + nodes.size());
      nodes.emplace(id, Bytes(node.begin(), node.end()));
      return id;
    });
    for (std::uint64_t leaf = 0; leaf < leaves; ++leaf) builder.add_leaf(page_blob(leaf));
    const BlobId root = builder.finish();
    std::uint64_t expected = 0;
    visit_leaves(
        root, leaves * kLeafPages, [&](const BlobId& id) { return nodes.at(id); },
        [&](std::uint64_t leaf, const BlobId& id) {
          EXPECT_EQ(leaf, expected);
          EXPECT_EQ(id, page_blob(expected));
          ++expected;
        });
    EXPECT_EQ(expected, leaves);
  }
}

TEST(PageMap, NamesTheLeavesBelowALostNode) {
  std::map<BlobId, Bytes> nodes;
  MapBuilder builder([&](ByteView node) {
    const BlobId id = page_blob(1'000'000 + nodes.size());
    nodes.emplace(id, Bytes(node.begin(), node.end()));
    return id;
  });
  for (std::uint64_t leaf = 0; leaf < 300; ++leaf) builder.add_leaf(page_blob(leaf));
  const BlobId root = builder.finish();
  nodes.erase(page_blob(1'000'000));
  std::uint64_t seen = 0, lost = 0;
  const auto get = [&](const BlobId& id) {
    const auto found = nodes.find(id);
    if (found == nodes.end()) throw Error(ErrorCode::kMissingObject, "no node");
    return found->second;
  };
  visit_leaves(
      root, 300 * kLeafPages, get, [&](std::uint64_t, const BlobId&) { ++seen; },
      [&](std::uint64_t first, std::uint64_t count) {
        EXPECT_EQ(first, 0u);
        lost += count;
      });
  EXPECT_EQ(seen, 44u);
  EXPECT_EQ(lost, 256u);
  EXPECT_THROW(visit_leaves(root, 300 * kLeafPages, get, [](std::uint64_t, const BlobId&) {}),
               Error);
}

}  // namespace
}  // namespace holdfast::repository
