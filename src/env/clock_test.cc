#include "env/clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace holdfast::env {
namespace {

TEST(SystemClock, ElapsedTimeNeverGoesBack) {
  Clock& clock = system_clock();
  Duration last = clock.elapsed();
  for (int i = 0; i < 1000; ++i) {
    const Duration next = clock.elapsed();
    ASSERT_GE(next, last);
    last = next;
  }
}

TEST(SystemClock, WaitsForTheWholeDuration) {
  Clock& clock = system_clock();
  const Duration before = clock.elapsed();
  EXPECT_TRUE(clock.wait(std::chrono::milliseconds(2), {}));
  EXPECT_GE(clock.elapsed() - before, std::chrono::milliseconds(2));
}

TEST(SystemClock, AStopEndsTheWait) {
  bool whole = true;
  {
    std::jthread waiter(
        [&](std::stop_token stop) { whole = system_clock().wait(std::chrono::hours(1), stop); });
  }
  EXPECT_FALSE(whole);
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock(Time(Duration(1000)));
  EXPECT_EQ(clock.now(), Time(Duration(1000)));
  clock.advance(Duration(5));
  EXPECT_EQ(clock.now(), Time(Duration(1005)));
  EXPECT_EQ(clock.elapsed(), Duration(5));
}

TEST(FakeClock, WaitingAdvancesItUnlessStopped) {
  FakeClock clock(Time{});
  EXPECT_TRUE(clock.wait(Duration(7), {}));
  EXPECT_EQ(clock.elapsed(), Duration(7));
  std::stop_source source;
  source.request_stop();
  EXPECT_FALSE(clock.wait(Duration(7), source.get_token()));
  EXPECT_EQ(clock.elapsed(), Duration(7));
}

TEST(FakeClock, AJumpOfTheWallClockLeavesElapsedTimeAlone) {
  FakeClock clock(Time(std::chrono::hours(48)));
  clock.set(Time(std::chrono::hours(24)));
  EXPECT_EQ(clock.now(), Time(std::chrono::hours(24)));
  EXPECT_EQ(clock.elapsed(), Duration(0));
}

}  // namespace
}  // namespace holdfast::env
