#include "engine/backup/unit_queue.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace holdfast::engine {
namespace {

TEST(UnitQueueTest, HandsOutLongStretchesFirstAndSingleUnitsAtTheEnd) {
  UnitQueue queue;
  queue.restart(100, 2, 8);
  std::vector<std::uint64_t> lengths;
  std::uint64_t expected = 0;
  while (queue.next() < 100) {
    const UnitQueue::Stretch stretch = queue.take();
    EXPECT_EQ(stretch.first, expected);
    expected = stretch.end;
    lengths.push_back(stretch.end - stretch.first);
  }
  EXPECT_EQ(expected, 100u);
  EXPECT_EQ(lengths.front(), 8u);
  EXPECT_EQ(lengths.back(), 1u);
  EXPECT_TRUE(std::ranges::is_sorted(lengths, std::ranges::greater()));
}

TEST(UnitQueueTest, GoesOnBehindTheEndForWhatGrew) {
  UnitQueue queue;
  queue.restart(1, 2, 8);
  EXPECT_EQ(queue.take().first, 0u);
  const UnitQueue::Stretch behind = queue.take();
  EXPECT_EQ(behind.first, 1u);
  EXPECT_EQ(behind.end, 2u);
}

TEST(UnitQueueTest, GivesEachUnitToOneWorkerOnly) {
  UnitQueue queue;
  queue.restart(5000, 4, 8);
  std::mutex mutex;
  std::multiset<std::uint64_t> taken;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&] {
        for (auto stretch = queue.take(); stretch.first < 5000; stretch = queue.take()) {
          const std::lock_guard lock(mutex);
          for (std::uint64_t unit = stretch.first; unit < stretch.end; ++unit) taken.insert(unit);
        }
      });
    }
  }
  ASSERT_EQ(taken.size(), 5000u);
  EXPECT_EQ(std::set(taken.begin(), taken.end()).size(), 5000u);
}

}  // namespace
}  // namespace holdfast::engine
