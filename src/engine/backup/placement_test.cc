#include "engine/backup/placement.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "engine/backup/page_set.h"

namespace holdfast::engine {
namespace {

BlobId blob(std::uint32_t number) {
  BlobId id;
  store(id.bytes.data(), number);
  return id;
}

TEST(Placements, KeepEachPageWhereItWasPutLast) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto draw = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 300; ++round) {
    Placements placements;
    std::map<std::uint32_t, std::pair<BlobId, std::uint32_t>> expected;
    const std::uint32_t space = 1 + draw(60), limit = 1 + draw(70);
    for (std::uint32_t number = draw(12); number > 0; --number) {
      std::vector<std::uint32_t> pages;
      for (std::uint32_t page = 1; page <= space; ++page) {
        if (draw(3) == 0) pages.push_back(page);
      }
      placements.add(blob(number), pages);
      for (std::uint32_t slot = 0; slot < pages.size(); ++slot) {
        expected[pages[slot]] = {blob(number), slot};
      }
    }
    std::erase_if(expected, [&](const auto& entry) { return entry.first > limit; });
    std::uint32_t next = 1;
    for (const Placement& run : placements.settle(limit)) {
      ASSERT_GE(run.first, next);
      next = run.first + run.count;
      for (std::uint32_t i = 0; i < run.count; ++i) {
        const auto found = expected.find(run.first + i);
        ASSERT_NE(found, expected.end());
        EXPECT_EQ(found->second.first, placements.blob(run.blob));
        EXPECT_EQ(found->second.second, run.slot + i);
        expected.erase(found);
      }
    }
    EXPECT_TRUE(expected.empty());
  }
}

TEST(PageSet, HoldsExactlyWhatWasInserted) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto draw = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 200; ++round) {
    PageSet set;
    std::set<std::uint32_t> expected;
    for (int i = 0; i < 8; ++i) {
      const std::uint32_t first = 1 + draw(300), count = draw(140);
      set.insert_range(first, count);
      for (std::uint32_t page = first; page < first + count; ++page) expected.insert(page);
      const std::uint32_t gone = 1 + draw(300);
      set.erase(gone);
      expected.erase(gone);
    }
    EXPECT_EQ(set.size(), expected.size());
    EXPECT_EQ(set.members(1000), std::vector<std::uint32_t>(expected.begin(), expected.end()));
    EXPECT_EQ(set.empty(), expected.empty());
  }
}

}  // namespace
}  // namespace holdfast::engine
