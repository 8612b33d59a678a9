#include "env/mapped_range.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

constexpr std::size_t kSize = 1 << 20, kPage = 4096;

class MappedRangeTest : public testing::Test {
 protected:
  MappedRangeTest() : descriptor(::open((directory / "file").c_str(), O_RDWR | O_CREAT, 0600)) {
    const Bytes content(kSize, std::byte{7});
    EXPECT_EQ(::pwrite(descriptor, content.data(), kSize, 0), static_cast<ssize_t>(kSize));
  }
  ~MappedRangeTest() override { ::close(descriptor); }
  static std::size_t count(ByteView bytes, int value) {
    return static_cast<std::size_t>(std::ranges::count(bytes, static_cast<std::byte>(value)));
  }
  // A range may be mapped on any storage that the temporary directory is likely to be on but an
  // overlay.
  MappedRange mapped(std::uint64_t offset, std::size_t size) {
    MappedRange range = MappedRange::of(descriptor, offset, size);
    available = !range.bytes().empty();
    return range;
  }

  TemporaryDirectory directory;
  int descriptor;
  bool available = false;
};

TEST_F(MappedRangeTest, ShowsWhatTheFileHoldsAlsoLater) {
  const MappedRange range = mapped(kPage, kSize - kPage);
  if (!available) GTEST_SKIP() << "this storage is not mapped";
  EXPECT_EQ(count(range.bytes(), 7), kSize - kPage);
  const Bytes change(100, std::byte{9});
  EXPECT_EQ(::pwrite(descriptor, change.data(), change.size(), 2 * kPage), 100);
  EXPECT_EQ(count(range.bytes(), 9), 100);
  EXPECT_TRUE(range.load());
  EXPECT_TRUE(range.intact());
}

TEST_F(MappedRangeTest, IsEmptyWhereTheFileEndsBefore) {
  EXPECT_TRUE(mapped(kPage, kSize).bytes().empty());
  EXPECT_TRUE(mapped(kSize, kPage).bytes().empty());
  EXPECT_TRUE(mapped(0, 0).bytes().empty());
}

TEST_F(MappedRangeTest, ReadsZerosWhereTheFileWasCutShortAndSaysSo) {
  MappedRange other = mapped(0, kSize);
  const MappedRange range = mapped(0, kSize);
  if (!available) GTEST_SKIP() << "this storage is not mapped";
  ASSERT_EQ(::ftruncate(descriptor, 10 * kPage), 0);
  EXPECT_EQ(count(range.bytes(), 7), 10 * kPage);
  EXPECT_EQ(count(range.bytes(), 0), kSize - 10 * kPage);
  EXPECT_FALSE(range.intact());
  EXPECT_FALSE(other.load());
  EXPECT_TRUE(other.intact()) << "nothing was read of it";
  other = {};
  // What is mapped afterwards, perhaps at the same place, is not taken for lost.
  const MappedRange next = mapped(0, 10 * kPage);
  EXPECT_EQ(count(next.bytes(), 7), 10 * kPage);
  EXPECT_TRUE(next.intact());
}

TEST_F(MappedRangeTest, MovesWithItsMemory) {
  MappedRange first = mapped(0, kSize);
  if (!available) GTEST_SKIP() << "this storage is not mapped";
  MappedRange second = std::move(first);
  EXPECT_EQ(count(second.bytes(), 7), kSize);
  second = mapped(kPage, kPage);
  EXPECT_EQ(second.bytes().size(), kPage);
}

TEST_F(MappedRangeTest, RunsOutWithoutHarm) {
  std::vector<MappedRange> ranges;
  for (int i = 0; i < 400; ++i) ranges.push_back(mapped(0, kPage));
  EXPECT_FALSE(available);
  ranges.clear();
  const MappedRange range = mapped(0, kPage);
  EXPECT_EQ(count(range.bytes(), 7), available ? kPage : 0);
}

using MappedRangeDeathTest = MappedRangeTest;

TEST_F(MappedRangeDeathTest, LeavesOtherBusErrorsAlone) {
  const MappedRange range = mapped(0, kSize);
  if (!available) GTEST_SKIP() << "this storage is not mapped";
  EXPECT_DEATH(std::raise(SIGBUS), "");
}

}  // namespace
}  // namespace holdfast::env
