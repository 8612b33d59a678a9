#include "engine/replicate/page_overlay.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace holdfast::engine {
namespace {

OverlayPage page_at(std::uint64_t position, std::size_t size = 512) {
  return {.position = position, .digest = {}, .content = std::make_shared<const Bytes>(size)};
}

TEST(PageOverlay, KeepsTheNewestContentOfEachPageAndCountsItOnce) {
  PageOverlay overlay;
  overlay.set(7, page_at(1));
  overlay.set(3, page_at(2));
  overlay.set(7, page_at(3));
  EXPECT_EQ(overlay.bytes(), 1024u);
  EXPECT_EQ(overlay.find(7)->position, 3u);
  EXPECT_EQ(overlay.find(8), nullptr);
  EXPECT_EQ(overlay.written_after(0), (std::vector<std::uint32_t>{3, 7}));
  EXPECT_EQ(overlay.written_after(2), (std::vector<std::uint32_t>{7}));
  EXPECT_EQ(overlay.bytes_after(2), 512u);
}

TEST(PageOverlay, ForgetsWhatIsCutOffAndWhatASnapshotHas) {
  PageOverlay overlay;
  for (std::uint32_t page = 1; page <= 10; ++page) overlay.set(page, page_at(page));
  overlay.cut(8);
  EXPECT_EQ(overlay.bytes(), 8 * 512u);
  overlay.drop_until(5);
  EXPECT_EQ(overlay.written_after(0), (std::vector<std::uint32_t>{6, 7, 8}));
  EXPECT_EQ(overlay.bytes(), 3 * 512u);
  overlay.clear();
  EXPECT_EQ(overlay.bytes(), 0u);
}

TEST(PageOverlay, LeavesTheContentOfACopyAlone) {
  PageOverlay overlay;
  overlay.set(1, page_at(1));
  const PageOverlay copy = overlay;
  overlay.set(1, page_at(2, 1024));
  overlay.clear();
  EXPECT_EQ(copy.find(1)->position, 1u);
  EXPECT_EQ(copy.find(1)->content->size(), 512u);
}

TEST(SegmentReach, LetsEveryPositionBeReachedInFewSteps) {
  for (std::uint64_t number = 1; number <= 20'000; ++number) {
    std::uint64_t steps = 0;
    for (std::uint64_t at = number; at > 0; at -= segment_reach(at)) ++steps;
    ASSERT_LE(steps, 24u) << number;
  }
}

TEST(SegmentReach, LetsMultiplesBeReachedByMultiplesAlone) {
  for (std::uint64_t at = 4096; at > 0; at -= segment_reach(at)) EXPECT_EQ(at % 1024, 0u);
  EXPECT_EQ(segment_reach(4096), 4096u);
  EXPECT_EQ(segment_reach(48), 16u);
  EXPECT_EQ(segment_reach(0), 1u);
}

}  // namespace
}  // namespace holdfast::engine
