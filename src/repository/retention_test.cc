#include "repository/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

using Times = std::vector<std::string>;

// One series, given by its times from the newest to the oldest.
std::vector<Snapshot> series(const Times& times) {
  std::vector<Snapshot> snapshots;
  for (const std::string& time : times) {
    snapshots.push_back(make_snapshot(1000 - snapshots.size(), time_of(time + "Z")));
  }
  return snapshots;
}

Times kept_times(const RetentionPolicy& policy, const std::vector<Snapshot>& snapshots) {
  Times kept;
  for (const RetentionDecision& decision : repository::apply(policy, snapshots)) {
    EXPECT_EQ(decision.keep, !decision.reasons.empty());
    if (decision.keep) kept.push_back(format_rfc3339(decision.snapshot->time).substr(0, 19));
  }
  return kept;
}

Times kept_times(const RetentionPolicy& policy, const Times& times) {
  return kept_times(policy, series(times));
}

const Times kHours{"2026-03-02T10:50:00", "2026-03-02T10:10:00", "2026-03-02T09:59:00",
                   "2026-03-02T09:00:00", "2026-03-02T07:30:00", "2026-03-01T07:30:00"};

TEST(Retention, RefusesAnEmptyPolicy) {
  expect_error(ErrorCode::kUsage, [] { repository::apply({}, {}); });
  expect_error(ErrorCode::kUsage, [] { repository::apply({.last = -2}, {}); });
}

TEST(Retention, OfNoSnapshotsDecidesNothing) {
  EXPECT_TRUE(repository::apply({.last = 1}, {}).empty());
}

TEST(Retention, KeepsTheLast) {
  EXPECT_EQ((Times{kHours[0], kHours[1]}), kept_times({.last = 2}, kHours));
  EXPECT_EQ(kHours, kept_times({.last = 6}, kHours));
  EXPECT_EQ(kHours, kept_times({.last = 7}, kHours));
  EXPECT_EQ(kHours, kept_times({.last = -1}, kHours));
}

TEST(Retention, KeepsTheNewestOfEachHour) {
  EXPECT_EQ((Times{kHours[0], kHours[2], kHours[4]}), kept_times({.hourly = 3}, kHours));
}

TEST(Retention, CountsHoursWithSnapshotsOnly) {
  EXPECT_EQ((Times{kHours[0], kHours[2], kHours[4], kHours[5]}), kept_times({.hourly = 4}, kHours));
}

TEST(Retention, KeepsTheNewestOfEachDayOfTheCalendar) {
  const Times times{"2026-03-01T00:00:00", "2026-02-28T23:59:59", "2026-02-28T00:00:00",
                    "2026-02-27T12:00:00", "2026-02-26T12:00:00"};
  EXPECT_EQ((Times{times[0], times[1], times[3]}), kept_times({.daily = 3}, times));
}

TEST(Retention, KeepsTheOldestWhileACountIsLeft) {
  const Times times{"2026-03-01T03:00:00", "2026-03-01T02:00:00", "2026-03-01T01:00:00"};
  EXPECT_EQ((Times{times[0], times[2]}), kept_times({.daily = 2}, times));
  EXPECT_EQ((Times{times[0]}), kept_times({.daily = 1}, times));
  EXPECT_EQ((Times{times[0], times[2]}), kept_times({.daily = -1}, times));
}

TEST(Retention, BeginsWeeksOnMonday) {
  // A Monday, the Sunday before it and the Monday before that.
  const Times times{"2026-03-09T00:00:00", "2026-03-08T23:59:59", "2026-03-02T00:00:00",
                    "2026-03-01T23:00:00", "2026-02-20T00:00:00"};
  EXPECT_EQ((Times{times[0], times[1], times[3]}), kept_times({.weekly = 3}, times));
}

TEST(Retention, CountsAWeekAcrossTheEndOfAYearOnce) {
  // 2024-12-30 (Monday) to 2025-01-05 are week 1 of 2025; 2027-01-01 to 03 are week 53 of 2026.
  const Times first{"2025-01-05T00:00:00", "2024-12-30T00:00:00", "2024-12-29T00:00:00",
                    "2024-12-01T00:00:00"};
  EXPECT_EQ((Times{first[0], first[2]}), kept_times({.weekly = 2}, first));
  const auto reasons =
      repository::apply({.weekly = 2}, series({"2027-01-01T00:00:00", "2024-12-30T00:00:00"}));
  EXPECT_EQ("weekly 2026-W53", reasons[0].reasons[0]);
  EXPECT_EQ("weekly 2025-W01", reasons[1].reasons[0]);
}

TEST(Retention, KeepsTheNewestOfEachMonthAndYear) {
  const Times times{"2026-03-05T00:00:00", "2026-03-01T00:00:00", "2026-02-01T00:00:00",
                    "2025-12-31T00:00:00", "2025-03-31T00:00:00", "2024-01-01T00:00:00"};
  EXPECT_EQ((Times{times[0], times[2], times[3]}), kept_times({.monthly = 3}, times));
  EXPECT_EQ((Times{times[0], times[3]}), kept_times({.yearly = 2}, times));
}

TEST(Retention, UnitesItsRulesAndSaysWhyEachIsKept) {
  const Times times{"2026-03-02T10:50:00", "2026-03-02T10:10:00", "2026-03-01T10:10:00",
                    "2026-02-01T10:10:00"};
  const auto snapshots = series(times);
  const auto decisions = repository::apply({.last = 1, .daily = 2}, snapshots);
  EXPECT_EQ((std::vector<std::string>{"last 1", "daily 2026-03-02"}), decisions[0].reasons);
  EXPECT_FALSE(decisions[1].keep);
  EXPECT_EQ(std::vector<std::string>{"daily 2026-03-01"}, decisions[2].reasons);
  EXPECT_FALSE(decisions[3].keep);
}

TEST(Retention, CountsASpanBackFromTheNewestSnapshot) {
  const Times times{"2020-03-31T12:00:00", "2020-03-30T12:00:01", "2020-03-30T12:00:00",
                    "2020-03-01T00:00:00", "2019-03-31T12:00:01"};
  EXPECT_EQ((Times{times[0], times[1]}), kept_times({.within = CalendarSpan{.days = 1}}, times));
  EXPECT_EQ(times, kept_times({.within = CalendarSpan{.years = 1}}, times));
}

TEST(Retention, KeepsTaggedSnapshotsBesideTheCounts) {
  auto snapshots = series(kHours);
  snapshots[4].tags = {"release"};
  EXPECT_EQ((Times{kHours[0], kHours[4]}),
            kept_times({.last = 1, .tags = {"release", "other"}}, snapshots));
}

TEST(Retention, DecidesPerHostAndSetOfDatabases) {
  auto snapshots = series(kHours);
  snapshots[1].host = "grace";
  snapshots[2].databases.push_back(snapshots[2].databases[0]);
  snapshots[2].databases[1].name = "users";
  EXPECT_EQ((Times{kHours[0], kHours[1], kHours[2]}), kept_times({.last = 1}, snapshots));
}

TEST(Retention, SortsByTimeItselfAndAnswersInTheOrderGiven) {
  auto snapshots = series({kHours[3], kHours[0], kHours[5]});
  EXPECT_EQ(Times{kHours[0]}, kept_times({.last = 1}, snapshots));
}

TEST(Retention, NeverForgetsTheLastIntactOne) {
  auto snapshots = series(kHours);
  for (const std::size_t damaged : {0, 1, 3}) snapshots[damaged].databases[0].damage = "torn";
  EXPECT_EQ((Times{kHours[0], kHours[2]}), kept_times({.last = 1}, snapshots));
  EXPECT_EQ("the last intact one of orders",
            repository::apply({.last = 1}, snapshots)[2].reasons[0]);
}

TEST(Retention, NeverForgetsEverythingOfADatabase) {
  auto snapshots = series(kHours);
  EXPECT_EQ(Times{kHours[0]}, kept_times({.tags = {"no such tag"}}, snapshots));
  for (Snapshot& snapshot : snapshots) snapshot.databases[0].damage = "torn";
  EXPECT_EQ(Times{kHours[0]}, kept_times({.tags = {"no such tag"}}, snapshots));
}

class RandomRetention : public testing::TestWithParam<unsigned> {
 protected:
  std::mt19937 random_{GetParam()};

  int below(int limit) { return std::uniform_int_distribution(0, limit - 1)(random_); }

  std::vector<Snapshot> snapshots(bool damaged) {
    Time time = time_of("2026-03-01T00:00:00Z");
    std::vector<Snapshot> all;
    for (int left = below(60); left > 0; --left) {
      const std::chrono::minutes steps[] = {
          std::chrono::minutes(0), std::chrono::minutes(7),    std::chrono::hours(1),
          std::chrono::hours(24),  std::chrono::hours(24 * 9), std::chrono::hours(24 * 200)};
      time -= steps[below(6)];
      Snapshot snapshot = make_snapshot(static_cast<std::uint64_t>(1000 + left), time,
                                        below(4) ? "orders" : "users");
      if (below(5) == 0) snapshot.host = "grace";
      if (below(8) == 0) snapshot.tags = {"release"};
      if (damaged && below(2) == 0) snapshot.databases[0].damage = "torn";
      all.push_back(snapshot);
    }
    return all;
  }
  RetentionPolicy policy() {
    RetentionPolicy policy;
    for (int* count : {&policy.last, &policy.hourly, &policy.daily, &policy.weekly, &policy.monthly,
                       &policy.yearly}) {
      if (below(3) == 0) *count = below(6) - 1;
    }
    if (below(4) == 0) policy.within = CalendarSpan{.months = below(3), .days = below(40)};
    if (below(4) == 0) policy.tags = {"release"};
    if (policy.empty()) policy.last = 1;
    return policy;
  }
};

TEST_P(RandomRetention, KeepsAllWhenItIsAppliedToWhatItKept) {
  const auto all = snapshots(true);
  const RetentionPolicy policy = this->policy();
  std::vector<Snapshot> kept;
  for (const auto& decision : repository::apply(policy, all)) {
    if (decision.keep) kept.push_back(*decision.snapshot);
  }
  for (const auto& decision : repository::apply(policy, kept)) {
    EXPECT_TRUE(decision.keep) << "seed " << GetParam() << ", "
                               << format_rfc3339(decision.snapshot->time);
  }
}

TEST_P(RandomRetention, KeepsExactlyTheLastOfEachGroup) {
  const auto all = snapshots(false);
  const int last = 1 + below(8);
  std::map<std::pair<std::string, std::string>, int> existing, kept;
  for (const auto& decision : repository::apply({.last = last}, all)) {
    const auto group = std::pair(decision.snapshot->host, decision.snapshot->databases[0].name);
    ++existing[group];
    kept[group] += decision.keep;
  }
  for (const auto& [group, count] : existing) {
    EXPECT_EQ(std::min(last, count), kept[group]) << "seed " << GetParam();
  }
}

TEST_P(RandomRetention, KeepsAnIntactStateOfEveryDatabaseThatHasOne) {
  const auto all = snapshots(true);
  std::map<std::pair<std::string, std::string>, bool> intact, kept_intact, kept;
  for (const auto& decision : repository::apply(policy(), all)) {
    const DatabaseState& state = decision.snapshot->databases[0];
    const auto database = std::pair(decision.snapshot->host, state.name);
    intact[database] |= state.damage.empty();
    kept[database] |= decision.keep;
    kept_intact[database] |= decision.keep && state.damage.empty();
  }
  for (const auto& [database, any] : intact) {
    EXPECT_EQ(any, kept_intact[database]) << "seed " << GetParam() << ", " << database.second;
    EXPECT_TRUE(kept[database]) << "seed " << GetParam() << ", " << database.second;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRetention, testing::Range(1u, 301u));

}  // namespace
}  // namespace holdfast::repository
