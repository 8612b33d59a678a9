// Names, the main line and ways to positions: from listings alone.
#include <gmock/gmock.h>

#include <cmath>

#include "repository/test_timeline.h"
#include "repository/timeline_path.h"

namespace holdfast::repository {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TimelineNames, AreUnderstoodAsTheyWereMade) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1000; ++i) {
    const Branch branch = 1 + static_cast<Branch>(random() % 0xFFFFFFFF);
    const std::uint64_t number = 1 + (random() >> (2 + random() % 60)) % ((1ULL << 62) - 1);
    SegmentName segment = segment_at(branch, 1, 0);
    segment.position.number = number;
    segment.base = random() % number;
    segment.time = Time(Duration(random() % 253'402'300'799'000'000));
    EXPECT_EQ(parse_segment_name(kSeries, object_name(kSeries, segment)), segment);
    const Position origin{.branch = static_cast<Branch>(random() % (branch + 1ULL)),
                          .number = random() >> 2};
    AnchorName anchor = anchor_at(branch, 1, static_cast<Relation>(random() % 5), origin);
    anchor.position.number = number;
    anchor.time = segment.time;
    anchor.object = object_name(kSeries, anchor);
    EXPECT_EQ(parse_anchor_name(kSeries, anchor.object), anchor);
  }
}

TEST(TimelineNames, SortByBranchAndNumber) {
  const auto object = [](Branch branch, std::uint64_t number) {
    return object_name(kSeries, segment_at(branch, number, 1));
  };
  EXPECT_LT(object(1, 999), object(2, 5));
  EXPECT_LT(object(2, 5), object(2, 16));
}

TEST(TimelineNames, WhatIsNoNameIsIgnored) {
  const std::string segment = object_name(kSeries, segment_at(3, 1045, 1040));
  const std::string anchor = anchor_at(3, 7, Relation::kForked, {2, 5}).object;
  EXPECT_FALSE(parse_segment_name(kSeries, anchor));
  EXPECT_FALSE(parse_anchor_name(kSeries, segment));
  EXPECT_FALSE(parse_segment_name(std::string(32, 'f'), segment));
  for (std::size_t size = 0; size < segment.size(); ++size) {
    EXPECT_FALSE(parse_segment_name(kSeries, segment.substr(0, size)));
  }
  for (std::size_t size = 0; size < anchor.size(); ++size) {
    EXPECT_FALSE(parse_anchor_name(kSeries, anchor.substr(0, size)));
  }
  EXPECT_FALSE(parse_segment_name(kSeries, segment + "0"));
  EXPECT_FALSE(parse_anchor_name(kSeries, anchor + "-"));
}

TEST(TimelineNames, NoNameIsWrittenInTwoWays) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const std::string letters = "0123456789abcdefABCDEF-_.xg+ /";
  const std::string segment = object_name(kSeries, segment_at(3, 1045, 1040));
  const std::string anchor = anchor_at(3, 7, Relation::kForked, {2, 5}).object;
  for (int i = 0; i < 20'000; ++i) {
    for (std::string object : {segment, anchor}) {
      object[random() % object.size()] = letters[random() % letters.size()];
      if (const auto name = parse_segment_name(kSeries, object)) {
        EXPECT_EQ(object_name(kSeries, *name), object);
      }
      if (const auto name = parse_anchor_name(kSeries, object)) {
        EXPECT_EQ(object_name(kSeries, *name), object);
      }
    }
  }
}

TEST(TimelineNames, ImpossibleOnesAreNotMade) {
  const auto refuse = [](auto change) {
    SegmentName name = segment_at(3, 1045, 1040);
    change(name);
    expect_error(ErrorCode::kInternal, [&] { object_name(kSeries, name); });
  };
  refuse([](SegmentName& name) { name.position.branch = 0; });
  refuse([](SegmentName& name) { name.base = name.position.number; });
  refuse([](SegmentName& name) { name.check = "0123"; });
  refuse([](SegmentName& name) { name.time = Time(Duration(-1)); });
  EXPECT_EQ(nameable(Time(Duration(-1))), Time{});
}

TEST(TimelinePath, AnAnchorIsItsOwnState) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 4);
  const auto path = find_path(timeline, {1, 1});
  ASSERT_TRUE(path);
  EXPECT_THAT(path->segments, IsEmpty());
  EXPECT_EQ(path->anchor, timeline.anchors[0]);
}

TEST(TimelinePath, IsTheShortestThereIs) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 22);
  EXPECT_THAT(numbers_of(find_path(timeline, {1, 5}).value()), ElementsAre(5, 1));
  EXPECT_THAT(numbers_of(find_path(timeline, {1, 23}).value()), ElementsAre(23, 22, 21, 17, 1));
}

TEST(TimelinePath, ReadsFewSegmentsOfMany) {
  Timeline timeline;
  const std::uint64_t count = 20'000;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), count);
  const BranchPoints points(timeline, 1);
  for (std::uint64_t n = 1; n <= count; ++n) {
    const TimelinePoint* point = points.find(1 + n);
    ASSERT_TRUE(point != nullptr && point->reachable());
    const double bound = 3 * (std::floor(std::log(n) / std::log(4)) + 1);
    EXPECT_LE(point->length, bound) << n;
  }
}

TEST(TimelinePath, ASegmentThatReachesBackBeforeAnAnchorIsLaidOverIt) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 0);
  timeline.segments = {segment_at(1, 2, 1), segment_at(1, 9, 1), segment_at(1, 10, 9)};
  timeline.anchors.push_back(anchor_at(1, 6, Relation::kContinued, {1, 5}));
  EXPECT_THAT(numbers_of(find_path(timeline, {1, 10}).value()), ElementsAre(10, 9, 6));
}

TEST(TimelinePath, DoesNotLeadOverCommitsThatWereNotSeen) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 0);
  timeline.anchors.push_back(anchor_at(1, 6, Relation::kRepaired, {1, 5}));
  timeline.segments = {segment_at(1, 9, 1)};
  EXPECT_THAT(numbers_of(find_path(timeline, {1, 9}).value()), ElementsAre(9, 6));
  std::swap(timeline.anchors, timeline.links);
  timeline.anchors = {timeline.links[0]};
  timeline.links.erase(timeline.links.begin());
  EXPECT_FALSE(is_reachable(timeline, {1, 9}));
}

TEST(TimelinePath, WithinASegmentThereIsNoPosition) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 0);
  timeline.segments = {segment_at(1, 5, 1)};
  EXPECT_FALSE(is_reachable(timeline, {1, 3}));
  EXPECT_FALSE(is_reachable(timeline, {2, 5}));
  EXPECT_TRUE(is_reachable(timeline, {1, 5}));
}

TEST(TimelinePath, AMissingSegmentIsGoneAroundWhereAnotherReachesOverIt) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 8);
  std::erase_if(timeline.segments,
                [](const SegmentName& name) { return name.position.number == 3; });
  EXPECT_FALSE(is_reachable(timeline, {1, 3}));
  EXPECT_FALSE(is_reachable(timeline, {1, 4}));
  EXPECT_TRUE(is_reachable(timeline, {1, 5}));
  EXPECT_TRUE(is_reachable(timeline, {1, 8}));
}

// Branch 1 ended at 10; 2 went on from it and was deposed by 3 at 15, but wrote up to 18.
Timeline deposed_writer() {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 9);
  add_session(timeline, anchor_at(2, 11, Relation::kRepaired, {1, 10}), 7);
  add_session(timeline, anchor_at(3, 16, Relation::kRepaired, {2, 15}), 4);
  return timeline;
}

TEST(MainLine, GoesBackFromTheNewestBranchOverOrigins) {
  const std::vector<LinePiece> line = main_line(deposed_writer());
  ASSERT_EQ(line.size(), 3u);
  EXPECT_EQ(line[0].branch, 1u);
  EXPECT_EQ(line[0].after, 0u);
  EXPECT_EQ(line[0].last, 10u);
  EXPECT_EQ(line[1].after, 10u);
  EXPECT_EQ(line[1].last, 15u);
  EXPECT_EQ(line[2].after, 15u);
  EXPECT_EQ(line[2].last, 20u);
  EXPECT_EQ(line[2].relation, Relation::kRepaired);
}

TEST(MainLine, WhatADeposedWriterSentLaterIsASideBranch) {
  const Timeline timeline = deposed_writer();
  EXPECT_THAT(side_branches(timeline), ElementsAre(2));
  EXPECT_EQ(find_path(timeline, {0, 17})->position, (Position{3, 17}));
  EXPECT_EQ(find_path(timeline, {2, 17})->position, (Position{2, 17}));
  EXPECT_EQ(find_path(timeline, {0, 14})->position, (Position{2, 14}));
  EXPECT_EQ(find_newest(timeline)->position, (Position{3, 20}));
  EXPECT_FALSE(find_path(timeline, {0, 21}));
}

TEST(MainLine, AForkLeavesWhatCameAfterItsOriginAside) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 9);
  add_session(timeline, anchor_at(2, 11, Relation::kForked, {1, 6}), 2);
  EXPECT_THAT(side_branches(timeline), ElementsAre(1));
  EXPECT_FALSE(find_path(timeline, {0, 8}));
  EXPECT_EQ(find_path(timeline, {0, 6})->position, (Position{1, 6}));
  EXPECT_EQ(find_moment(timeline, second(9), nullptr)->position, (Position{1, 6}));
}

TEST(MainLine, ALostSnapshotDoesNotCutIt) {
  Timeline timeline = deposed_writer();
  timeline.links = {timeline.anchors[1]};
  timeline.anchors.erase(timeline.anchors.begin() + 1);
  EXPECT_EQ(main_line(timeline).size(), 3u);
  EXPECT_TRUE(find_path(timeline, {0, 10}));
  EXPECT_FALSE(find_path(timeline, {0, 12}));
}

TEST(MainLine, MadeUpOriginsLeadNowhere) {
  Timeline timeline;
  add_session(timeline, anchor_at(4, 5, Relation::kForked, {4, 3}), 2);
  EXPECT_EQ(main_line(timeline).size(), 1u);
  add_session(timeline, anchor_at(7, 9, Relation::kForked, {5, 3}), 2);
  EXPECT_EQ(main_line(timeline).size(), 1u);
  EXPECT_THAT(side_branches(timeline), ElementsAre(4));
  EXPECT_THAT(main_line({}), IsEmpty());
}

TEST(Moment, IsTheNewestPositionUpToIt) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 9);
  EXPECT_EQ(find_moment(timeline, second(4), nullptr)->position.number, 4u);
  EXPECT_EQ(find_moment(timeline, second(4) + Duration(1), nullptr)->position.number, 4u);
  EXPECT_EQ(find_moment(timeline, second(1000), nullptr)->position.number, 10u);
}

TEST(Moment, BeforeEverythingThereIsNone) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 5, Relation::kFirst), 3);
  Nearest nearest;
  EXPECT_FALSE(find_moment(timeline, second(4), &nearest));
  EXPECT_FALSE(nearest.before);
  EXPECT_EQ(nearest.after, (Position{1, 5}));
}

TEST(Moment, InAGapTheNearestAreNamed) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 4);
  add_session(timeline, anchor_at(2, 20, Relation::kRepaired, {1, 5}), 4);
  Nearest nearest;
  EXPECT_FALSE(find_moment(timeline, second(12), &nearest));
  EXPECT_EQ(nearest.before, (Position{1, 5}));
  EXPECT_EQ(nearest.after, (Position{2, 20}));
  EXPECT_EQ(find_moment(timeline, second(20), nullptr)->position, (Position{2, 20}));
}

TEST(Moment, WhileADatabaseRestedThereIsNoGap) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 4);
  AnchorName later = anchor_at(2, 5, Relation::kContinued, {1, 5});
  later.time = second(100);
  add_session(timeline, later, 0);
  EXPECT_EQ(find_moment(timeline, second(50), nullptr)->position, (Position{1, 5}));
  EXPECT_EQ(find_path(timeline, {0, 5})->position, (Position{2, 5}));
}

TEST(Moment, AClosedTimelineIsOfTheTimeOfItsLastCommit) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 4);
  AnchorName closing = anchor_at(1, 5, Relation::kContinued, {1, 5});
  closing.time = second(100);
  timeline.anchors.push_back(closing);
  const auto path = find_moment(timeline, second(7), nullptr);
  EXPECT_EQ(path->position.number, 5u);
  EXPECT_THAT(path->segments, IsEmpty());
}

TEST(Moment, ClocksThatGoBackDoNotHideWhatCameLater) {
  Timeline timeline;
  add_session(timeline, anchor_at(1, 1, Relation::kFirst), 9);
  timeline.segments[5].time = second(0);
  EXPECT_EQ(find_moment(timeline, second(3), nullptr)->position.number, 7u);
}

TEST(Check, FindsEveryPositionInThatState) {
  Timeline timeline = deposed_writer();
  EXPECT_THAT(find_check(timeline, checksum_of(17)), ElementsAre(Position{3, 17}, Position{2, 17}));
  EXPECT_THAT(find_check(timeline, checksum_of(99)), IsEmpty());
}

}  // namespace
}  // namespace holdfast::repository
