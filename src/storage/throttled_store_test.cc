#include "storage/throttled_store.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "storage/memory/memory_store.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;

class ThrottledStoreTest : public testing::Test {
 protected:
  double seconds() { return std::chrono::duration<double>(clock.elapsed()).count(); }
  double seconds_of(auto&& work) {
    const double before = seconds();
    work();
    return seconds() - before;
  }
  void put(Store& store, std::size_t size) {
    store.put("object" + std::to_string(++objects), Bytes(size));
  }
  std::string last() const { return "object" + std::to_string(objects); }

  env::FakeClock clock{Time{}};
  MemoryStore memory{clock};
  int objects = 0;
};

TEST_F(ThrottledStoreTest, SendsNoFasterThanAllowedOverManyObjects) {
  ThrottledStore store(memory, {.upload = 2e6}, clock);
  const double took = seconds_of([&] {
    for (int i = 0; i < 20; ++i) put(store, kMegabyte);
  });
  EXPECT_NEAR(took, 20 / 2.0 - 1, 0.001) << "all but the second that was saved up";
}

TEST_F(ThrottledStoreTest, AsksForNoMoreThanAllowedWholeAndInRanges) {
  put(memory, 4 * kMegabyte);
  ThrottledStore store(memory, {.download = 1e6}, clock);
  EXPECT_NEAR(seconds_of([&] { store.get(last()); }), 3, 0.001);
  Bytes range(2 * kMegabyte);
  EXPECT_NEAR(seconds_of([&] { store.get_range(last(), kMegabyte, range); }), 2, 0.001);
}

TEST_F(ThrottledStoreTest, KeepsTheDirectionsApart) {
  ThrottledStore store(memory, {.upload = 1e6, .download = 1e6}, clock);
  put(store, kMegabyte);
  EXPECT_EQ(seconds_of([&] { store.get(last()); }), 0);
}

TEST_F(ThrottledStoreTest, LimitsNothingWithoutALimit) {
  ThrottledStore store(memory, {.download = 1}, clock);
  EXPECT_EQ(seconds_of([&] { put(store, 100 * kMegabyte); }), 0);
}

TEST_F(ThrottledStoreTest, SavesUpNoMoreThanASecond) {
  ThrottledStore store(memory, {.upload = 1e6}, clock);
  clock.advance(std::chrono::hours(1));
  EXPECT_NEAR(seconds_of([&] { put(store, 3 * kMegabyte); }), 2, 0.001);
}

TEST_F(ThrottledStoreTest, LetsNobodyWaitWhoHasToEnd) {
  ThrottledStore store(memory, {.upload = 1e5}, clock);
  store.give_up();
  EXPECT_EQ(seconds_of([&] { put(store, kMegabyte); }), 0);
}

TEST_F(ThrottledStoreTest, LetsAHeartbeatThroughBehindAPackAndChargesIt) {
  ThrottledStore store(memory, {.upload = 1e5}, clock);
  put(store, kMegabyte);
  EXPECT_EQ(seconds_of([&] { put(store, ThrottledStore::kSmall); }), 0);
  EXPECT_NEAR(seconds_of([&] { put(store, 100'000); }), 1 + ThrottledStore::kSmall / 1e5, 0.001);
}

TEST_F(ThrottledStoreTest, SharesTheLimitBetweenThreads) {
  TransferBudget budget(1e6, clock);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) budget.take(10'000);
    });
  }
  threads.clear();
  EXPECT_NEAR(std::chrono::duration<double>(budget.take(0)).count(), 3, 0.001);
}

}  // namespace
}  // namespace holdfast::storage
