#include "repository/timeline_retention.h"

#include <gmock/gmock.h>

#include <cmath>

#include "repository/test_history.h"
#include "repository/test_timeline.h"
#include "repository/timeline_path.h"
#include "storage/crash_store.h"
#include "storage/memory/memory_store.h"

namespace holdfast::repository {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Timeline without(Timeline timeline, const Thinning& thinning) {
  const auto drop = [](auto& from, const auto& names) {
    std::erase_if(from,
                  [&](const auto& name) { return std::ranges::find(names, name) != names.end(); });
  };
  drop(timeline.segments, thinning.segments);
  drop(timeline.anchors, thinning.anchors);
  drop(timeline.links, thinning.anchors);
  return timeline;
}

std::vector<std::uint64_t> reachable_numbers(const Timeline& timeline, Branch branch) {
  std::vector<std::uint64_t> numbers;
  const BranchPoints points(timeline, branch);
  for (const TimelinePoint& point : points.points()) {
    if (point.reachable()) numbers.push_back(point.position.number);
  }
  return numbers;
}

// An hour of a segment each second, closed each 1,000.
Timeline one_hour() {
  Timeline timeline;
  for (std::uint64_t first = 1; first < 3600; first += 1000) {
    add_session(timeline,
                anchor_at(1, first, first == 1 ? Relation::kFirst : Relation::kContinued,
                          {first == 1 ? 0u : 1u, first - 1}),
                std::min<std::uint64_t>(1000, 3600 - first));
  }
  return timeline;
}

const TimelinePolicy kPolicy{.steps = {{seconds(600), seconds(0)},
                                       {seconds(1800), seconds(10)},
                                       {seconds(3000), seconds(60)}}};

TEST(TimelineRetention, KeepsEveryPositionForAWhileAndThenOneInEachPeriod) {
  const Timeline timeline = one_hour();
  const Time now = second(3600);
  const Timeline thinned = without(timeline, plan_thinning(timeline, {}, kPolicy, now));
  std::set<std::int64_t> tens_of_seconds, whole_minutes;
  std::uint64_t young = 0;
  for (const std::uint64_t number : reachable_numbers(thinned, 1)) {
    const Time time = second(static_cast<std::int64_t>(number));
    if (now - time <= seconds(600)) {
      ++young;
    } else if (now - time <= seconds(1800)) {
      tens_of_seconds.insert(time.time_since_epoch() / seconds(10));
    } else if (now - time <= seconds(3000)) {
      whole_minutes.insert(time.time_since_epoch() / seconds(60));
    }
  }
  EXPECT_EQ(young, 601u);
  EXPECT_EQ(tens_of_seconds.size(), 120u);
  EXPECT_GE(whole_minutes.size(), 20u);
  EXPECT_LT(reachable_numbers(thinned, 1).size(), 601 + 3 * 120 + 3 * 20u);
}

TEST(TimelineRetention, ThinningAgainRemovesNothingMore) {
  const Timeline timeline = one_hour();
  const Timeline thinned = without(timeline, plan_thinning(timeline, {}, kPolicy, second(3600)));
  const Thinning again = plan_thinning(thinned, {}, kPolicy, second(3600));
  EXPECT_TRUE(again.segments.empty());
  EXPECT_TRUE(again.anchors.empty());
}

TEST(TimelineRetention, AnchorsThatNothingNeedsGo) {
  const Timeline timeline = one_hour();
  const Thinning thinning = plan_thinning(timeline, {}, kPolicy, second(5100));
  ASSERT_EQ(thinning.anchors.size(), 2u);
  EXPECT_EQ(thinning.anchors[0].position.number, 1u);
  EXPECT_EQ(thinning.anchors[1].position.number, 1001u);
}

TEST(TimelineRetention, TheNewestIsKeptHoweverOld) {
  const Timeline timeline = one_hour();
  const Timeline thinned =
      without(timeline, plan_thinning(timeline, {}, kPolicy, second(3600) + hours(24 * 365)));
  EXPECT_EQ(find_newest(thinned)->position, (Position{1, 3600}));
  EXPECT_EQ(thinned.anchors.size(), 1u);
  EXPECT_LE(thinned.segments.size(), 20u);
}

TEST(TimelineRetention, WhatLiesInTheFutureIsNew) {
  const Timeline timeline = one_hour();
  const Thinning thinning = plan_thinning(timeline, {}, kPolicy, second(-1'000'000));
  EXPECT_EQ(reachable_numbers(without(timeline, thinning), 1), reachable_numbers(timeline, 1));
  EXPECT_TRUE(thinning.anchors.empty());
}

TEST(TimelineRetention, MarkedPositionsAreKept) {
  const Timeline timeline = one_hour();
  const Position position{.branch = 1, .number = 1234};
  const std::vector<Mark> marks = {
      {.id = {}, .name = "deploy", .time = second(1234), .position = position}};
  const Time later = second(3600) + hours(24 * 365);
  const Timeline plain = without(timeline, plan_thinning(timeline, {}, kPolicy, later));
  EXPECT_FALSE(is_reachable(plain, position));
  const Timeline marked = without(timeline, plan_thinning(timeline, marks, kPolicy, later));
  EXPECT_TRUE(is_reachable(marked, position));
}

TEST(TimelineRetention, WhatCannotBeReachedGoesWhenItIsOld) {
  Timeline timeline = one_hour();
  timeline.links = std::move(timeline.anchors);
  timeline.anchors.clear();
  const Thinning young = plan_thinning(timeline, {}, kPolicy, second(3600));
  EXPECT_TRUE(young.segments.empty());
  EXPECT_TRUE(young.anchors.empty());
  const Thinning old = plan_thinning(timeline, {}, kPolicy, second(3601) + hours(1));
  EXPECT_EQ(old.segments.size(), timeline.segments.size());
  EXPECT_EQ(old.anchors.size(), timeline.links.size());
}

TEST(TimelineRetention, TheSegmentThatDatesAClosedTimelineStaysAsLongAsEveryPositionDoes) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 4);
  AnchorName closing = anchor_at(1, 5, Relation::kContinued, {1, 5});
  closing.time = second(100);
  timeline.anchors.push_back(closing);
  const Timeline thinned = without(timeline, plan_thinning(timeline, {}, kPolicy, second(300)));
  EXPECT_EQ(find_moment(thinned, second(7), nullptr)->position.number, 5u);
}

TEST(TimelineRetention, WhatABranchGoesOnFromIsNotForgottenBeforeThat) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 99);
  // A long session, whose first anchor is the dearest of its period to keep otherwise.
  add_session(timeline, anchor_at(2, 101, Relation::kRepaired, {1, 100}), 0);
  add_session(timeline, anchor_at(2, 102, Relation::kContinued, {2, 101}), 50);
  const TimelinePolicy policy{.steps = {{hours(24), seconds(1000)}}};
  const Mark mark{.id = {}, .name = "m", .time = second(50), .position = {1, 50}};
  const Timeline thinned =
      without(timeline, plan_thinning(timeline, std::span(&mark, 1), policy, second(500)));
  EXPECT_EQ(main_line(thinned).size(), 2u);
  EXPECT_TRUE(find_path(thinned, {0, 50}));
}

TEST(TimelineRetention, SideBranchesAreThinnedByThemselves) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 99);
  add_session(timeline, anchor_at(2, 61, Relation::kForked, {1, 60}), 40);
  const TimelinePolicy policy{.steps = {{hours(24), seconds(20)}}};
  const Timeline thinned = without(timeline, plan_thinning(timeline, {}, policy, second(101)));
  std::set<std::int64_t> side;
  for (const std::uint64_t number : reachable_numbers(thinned, 1)) {
    if (number > 60) side.insert(static_cast<std::int64_t>(number) / 20);
  }
  EXPECT_GE(side.size(), 3u);
  EXPECT_LT(reachable_numbers(thinned, 1).size(), 25u);
}

TEST(TimelineRetention, WaysStayShortHoweverOftenATimelineIsThinned) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Timeline timeline = one_hour();
  for (int round = 0; round < 5; ++round) {
    const TimelinePolicy policy{
        .steps = {{seconds(random() % 900), seconds(0)},
                  {seconds(1000 + random() % 900), seconds(1 + random() % 20)},
                  {hours(2), seconds(20 + random() % 100)}}};
    timeline =
        without(timeline, plan_thinning(timeline, {}, policy,
                                        second(3600 + static_cast<std::int64_t>(random() % 600))));
    const BranchPoints points(timeline, 1);
    for (const TimelinePoint& point : points.points()) {
      ASSERT_TRUE(point.reachable());
      EXPECT_LE(point.length, 15u);
    }
  }
}

struct ThinnedRepository {
  RestingClock clock;
  storage::MemoryStore memory{clock};
  storage::CrashStore store{memory};
  Repository repository =
      Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
};

TEST(TimelineRetention, WhatAClockThatWasSetBackDatedIsNoOlderThanWhatCameBefore) {
  Timeline timeline = one_hour();
  std::vector<std::uint64_t> dated_back;
  for (SegmentName& segment : timeline.segments) {
    if (segment.position.number <= 3500) continue;
    segment.time -= hours(1);
    dated_back.push_back(segment.position.number);
  }
  ASSERT_GT(dated_back.size(), 50u);
  const Timeline thinned = without(timeline, plan_thinning(timeline, {}, kPolicy, second(3600)));
  EXPECT_THAT(reachable_numbers(thinned, 1), testing::IsSupersetOf(dated_back));
}

TEST(TimelineRetention, AgesAreNotMeasuredByAClockAheadOfTheStore) {
  ThinnedRepository at;
  RecordedDatabase database(at.repository, 1, 20);
  database.put_anchor_here(1, 1);
  const Time put = at.clock.now();
  RestingClock ahead, behind;
  ahead.advance(at.clock.now() + hours(1) - ahead.now());
  behind.set_back(hours(1));
  const auto by = [&](env::Clock& clock) {
    const Repository repository = Repository::open(at.store, clock, std::nullopt);
    return thinning_time(repository, load_timeline(repository, database.series()));
  };
  EXPECT_EQ(by(ahead), put);
  EXPECT_EQ(by(behind), behind.now());
}

TEST(TimelineRetention, ThinningThatStopsAnywhereKeepsWhatItWasToKeep) {
  const TimelinePolicy policy{.steps = {{seconds(10), seconds(0)}, {seconds(60), seconds(10)}}};
  std::uint64_t operations = 1;
  for (std::uint64_t stop = 1; stop <= operations; ++stop) {
    for (const auto moment :
         {storage::CrashStore::Moment::kBefore, storage::CrashStore::Moment::kAfter}) {
      ThinnedRepository at;
      RecordedDatabase database(at.repository, stop, 20);
      database.put_anchor_here(1, 1);
      for (int i = 0; i < 45; ++i) {
        if (i % 15 == 14) {
          database.put_anchor_here(1, database.here().number, Relation::kContinued,
                                   database.here());
        }
        database.commit();
      }
      const Timeline timeline = load_timeline(at.repository, database.series());
      const Thinning thinning = plan_thinning(timeline, {}, policy, second(80));
      const Timeline expected = without(timeline, thinning);
      ASSERT_GT(thinning.segments.size(), 10u);
      ASSERT_GT(thinning.anchors.size(), 0u);
      at.store.restart();
      at.store.stop_at(stop, moment);
      try {
        thin(at.repository, timeline, thinning);
      } catch (const env::CrashError&) {
      }
      operations = std::max(operations, at.store.operation_count() + (at.store.stopped() ? 1 : 0));
      at.store.restart();
      const auto check = [&] {
        const Timeline left = load_timeline(at.repository, database.series());
        for (const std::uint64_t number : reachable_numbers(expected, 1)) {
          const Position position{.branch = 1, .number = number};
          const auto path = find_path(left, position);
          ASSERT_TRUE(path) << number << " after " << stop;
          EXPECT_EQ(database.restored(*path), database.state_at(position));
          EXPECT_TRUE(find_snapshot(at.repository, database.series(), path->anchor.snapshot));
        }
      };
      check();
      // Segments that lost their anchor go later, as anything that cannot be reached.
      for (const auto& [again, now] :
           {std::pair(policy, second(80)),
            std::pair(TimelinePolicy{.steps = {{hours(24), seconds(0)}}}, second(80) + hours(2))}) {
        const Timeline left = load_timeline(at.repository, database.series());
        thin(at.repository, left, plan_thinning(left, {}, again, now));
      }
      remove_unanchored(at.repository, load_timeline(at.repository, database.series()),
                        second(80) + hours(2));
      check();
      const Timeline end = load_timeline(at.repository, database.series());
      EXPECT_EQ(end.segments, expected.segments);
      EXPECT_EQ(end.anchors, expected.anchors);
      EXPECT_EQ(snapshot_ids(at.repository).size(), expected.anchors.size());
    }
  }
  EXPECT_GT(operations, 20u);
}

TEST(TimelineRetention, SnapshotsThatOthersTookStay) {
  ThinnedRepository at;
  Snapshot own = make_snapshot(7, second(1)), fresh = make_snapshot(8, second(5000));
  put_snapshot(at.repository, own);
  fresh.tags = {std::string(kReplicatedTag)};
  put_snapshot(at.repository, fresh);
  RecordedDatabase database(at.repository, 1, 20);
  Timeline timeline = load_timeline(at.repository, database.series());
  AnchorName anchor = anchor_at(1, 1);
  anchor.snapshot = own.id;
  timeline.anchors = {anchor};
  thin(at.repository, timeline, {.segments = {}, .anchors = {anchor}});
  anchor.time = second(6000);
  timeline.anchors = {anchor};
  remove_unanchored(at.repository, timeline, second(5001));
  EXPECT_EQ(snapshot_ids(at.repository).size(), 2u);
}

TEST(TimelineRetention, WhatAnInterruptionLeftGoesWhenSomethingNewerHasItsPlace) {
  ThinnedRepository at;
  Snapshot left = make_snapshot(7, second(100));
  left.tags = {std::string(kReplicatedTag)};
  put_snapshot(at.repository, left);
  RecordedDatabase database(at.repository, 1, 20);
  Timeline timeline = load_timeline(at.repository, database.series());
  const auto stays = [&](std::optional<Time> newest, Time now) {
    timeline.anchors.clear();
    if (newest) {
      timeline.anchors = {anchor_at(1, 1)};
      timeline.anchors.front().time = *newest;
    }
    remove_unanchored(at.repository, timeline, now);
    return !snapshot_ids(at.repository).empty();
  };
  const Time later = second(100) + hours(2);
  EXPECT_TRUE(stays(std::nullopt, later)) << "it is all there is";
  EXPECT_TRUE(stays(second(99), later)) << "it is the newest";
  EXPECT_TRUE(stays(second(101), second(200))) << "its anchor may be on its way";
  EXPECT_FALSE(stays(second(101), later));
}

TEST(TimelineRetention, VerifyOpensEverythingAndNamesWhatIsDamaged) {
  TestRepository test;
  RecordedDatabase database(test.repository, 1, 20);
  database.put_anchor_here(1, 1);
  for (int i = 0; i < 10; ++i) database.commit();
  const Timeline timeline = load_timeline(test.repository, database.series());
  TimelineVerdict verdict = verify_timeline(test.repository, timeline);
  EXPECT_EQ(verdict.segments, 10u);
  EXPECT_EQ(verdict.anchors, 1u);
  EXPECT_EQ(verdict.reachable, 11u);
  EXPECT_TRUE(verdict.damaged.empty());
  const std::string segment = object_name(timeline.series, timeline.segments[3]);
  test.store.objects.at(segment)[30] ^= std::byte{1};
  test.store.objects.at(timeline.anchors[0].object)[30] ^= std::byte{1};
  verdict = verify_timeline(test.repository, timeline);
  EXPECT_THAT(verdict.damaged, testing::ElementsAre(segment, timeline.anchors[0].object));
}

}  // namespace
}  // namespace holdfast::repository
