#include "repository/statistics.h"

#include <gtest/gtest.h>

#include "repository/test_history.h"

namespace holdfast::repository {
namespace {

using std::chrono::hours;

RepositoryStatistics statistics_of(const HistoryRepository& at) {
  return gather_statistics(at.repository, list_snapshots(at.repository).snapshots);
}

TEST(Statistics, OfAnEmptyRepositoryAreZero) {
  const HistoryRepository at;
  const RepositoryStatistics statistics = statistics_of(at);
  EXPECT_EQ(statistics.snapshots, 0);
  EXPECT_EQ(statistics.packs, 0);
  EXPECT_EQ(statistics.deduplication_ratio, 0);
  EXPECT_TRUE(statistics.databases.empty());
}

TEST(Statistics, TellWhatDeduplicationSaves) {
  const HistoryRepository at;
  for (std::uint64_t i = 1; i <= 4; ++i) back_up(at.repository, numbered(0, 40), i);
  const RepositoryStatistics statistics = statistics_of(at);
  EXPECT_EQ(statistics.snapshots, 4);
  EXPECT_EQ(statistics.packs, 1);
  EXPECT_EQ(statistics.blobs, 11);
  EXPECT_EQ(statistics.restorable_bytes, 4 * 40 * kPageSize);
  EXPECT_NEAR(statistics.deduplication_ratio, 4, 0.2);
  EXPECT_GT(statistics.stored_bytes, 40 * kPageSize);
}

TEST(Statistics, TellHowFastADatabaseGrows) {
  HistoryRepository at;
  for (std::uint64_t day = 1; day <= 5; ++day) {
    Writer writer(at.repository);
    Snapshot snapshot = add_database(writer, at.repository, numbered(0, 40 * day), day);
    snapshot.databases.front().bytes_stored = day == 1 ? 999'999 : 5000;
    writer.commit(snapshot);
    at.clock.advance(hours(24));
  }
  const RepositoryStatistics statistics = statistics_of(at);
  ASSERT_EQ(statistics.databases.size(), 1);
  const DatabaseGrowth& growth = statistics.databases.front();
  EXPECT_EQ(growth.name, "orders");
  EXPECT_EQ(growth.snapshots, 5);
  EXPECT_EQ(growth.newest_bytes, 200 * kPageSize);
  EXPECT_NEAR(growth.bytes_a_day, 40 * kPageSize, 1);
  EXPECT_NEAR(growth.stored_bytes_a_day, 5000, 1) << "the first backup is no growth";
}

TEST(Statistics, GuessNoGrowthFromLessThanTwoDays) {
  HistoryRepository at;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    back_up(at.repository, numbered(0, 40 * i), i);
    at.clock.advance(hours(10));
  }
  EXPECT_EQ(statistics_of(at).databases.front().bytes_a_day, 0);
}

}  // namespace
}  // namespace holdfast::repository
