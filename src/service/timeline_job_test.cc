#include "service/timeline_job.h"

#include <gmock/gmock.h>

#include <vector>

#include "repository/timeline.h"
#include "repository/timeline_names.h"
#include "service/mark_job.h"
#include "service/test_history.h"

namespace holdfast::service {
namespace {

using repository::Position;
using repository::Relation;
using testing::ElementsAre;
using Kind = TimelineRow::Kind;

class TimelineJobTest : public TestHistory {
 protected:
  TimelineDescription describe() { return describe_timeline(session, "app"); }
  static std::vector<Kind> kinds(const TimelineDescription& description) {
    std::vector<Kind> kinds;
    for (const TimelineRow& row : description.rows) kinds.push_back(row.kind);
    return kinds;
  }
  Database app() const {
    Database database;
    database.name = "app";
    database.source.path = at.database();
    return database;
  }
};

TEST_F(TimelineJobTest, JoinsStatesWithoutAGap) {
  line.anchor();
  line.commit(one_row());
  line.commit(one_row());
  line.anchor(Relation::kContinued, line.position());
  line.commit(one_row());
  const TimelineDescription description = describe();
  ASSERT_THAT(kinds(description), ElementsAre(Kind::kReachable));
  EXPECT_EQ(description.rows[0].first, (Position{1, 1}));
  EXPECT_EQ(description.rows[0].last, (Position{1, 4}));
  EXPECT_EQ(description.rows[0].states, 4);
  EXPECT_EQ(description.states, 4);
  EXPECT_EQ(description.newest, (Position{1, 4}));
}

TEST_F(TimelineJobTest, ShowsAGapAndWhyThereIsOne) {
  line.anchor();
  line.commit(one_row());
  const Time before = line.time;
  at.sql(one_row());
  line.time += std::chrono::hours(1);
  line.anchor(Relation::kRepaired, {1, 2}, "the log was reset twice between two looks");
  const TimelineDescription description = describe();
  ASSERT_THAT(kinds(description), ElementsAre(Kind::kReachable, Kind::kGap, Kind::kReachable));
  const TimelineRow& gap = description.rows[1];
  EXPECT_EQ(gap.from, before);
  EXPECT_EQ(gap.to, line.time);
  EXPECT_EQ(gap.first, (Position{1, 2}));
  EXPECT_EQ(gap.last, (Position{1, 3}));
  EXPECT_EQ(gap.text, "the log was reset twice between two looks");
}

TEST_F(TimelineJobTest, ShowsAGapWhereSegmentsAreMissing) {
  line.anchor();
  for (int i = 0; i < 3; ++i) line.commit(one_row());
  line.anchor(Relation::kContinued, line.position());
  const auto timeline = repository::load_timeline(at.repository, line.series());
  at.store.remove(repository::object_name(timeline.series, timeline.segments.front()));
  const TimelineDescription description = describe();
  ASSERT_THAT(kinds(description), ElementsAre(Kind::kReachable, Kind::kGap, Kind::kReachable));
  EXPECT_EQ(description.rows[1].text, "segments are missing");
  EXPECT_EQ(description.rows[1].last, (Position{1, 4}));
  EXPECT_EQ(description.states, 2);
}

TEST_F(TimelineJobTest, KeepsSideBranchesApart) {
  line.anchor();
  line.commit(one_row());
  at.sql(one_row());
  line.time += std::chrono::hours(1);
  engine::TimelineWriter next(at, 2);
  next.number = 2;
  next.time = line.time;
  next.anchor(Relation::kRepaired, {1, 2});
  line.commit(one_row());
  const TimelineDescription description = describe();
  ASSERT_THAT(kinds(description),
              ElementsAre(Kind::kReachable, Kind::kGap, Kind::kReachable, Kind::kSideBranch));
  EXPECT_EQ(description.rows[3].first, (Position{1, 3}));
  EXPECT_EQ(description.rows[3].states, 1);
  EXPECT_EQ(description.states, 3);
}

TEST_F(TimelineJobTest, ShowsSnapshotsThatSomebodyTook) {
  at.back_up();
  line.anchor();
  const TimelineDescription description = describe();
  EXPECT_THAT(kinds(description), testing::UnorderedElementsAre(Kind::kReachable, Kind::kSnapshot));
}

TEST_F(TimelineJobTest, SaysNothingOfADatabaseItDoesNotKnow) {
  const TimelineDescription description = describe();
  EXPECT_TRUE(description.rows.empty());
  EXPECT_EQ(description.newest.branch, 0);
}

TEST_F(TimelineJobTest, MarksTheNewestPosition) {
  line.time = world.clock.now() + std::chrono::minutes(1);
  line.anchor();
  line.commit(one_row());
  const auto marked = mark(session, std::vector{app()}, "before-deploy", Duration(0));
  ASSERT_EQ(marked.size(), 1);
  EXPECT_EQ(marked[0].mark.position, (Position{1, 2}));
  EXPECT_TRUE(marked[0].complete);
  const TimelineDescription description = describe();
  const auto row = std::ranges::find(description.rows, Kind::kMark, &TimelineRow::kind);
  ASSERT_NE(row, description.rows.end());
  EXPECT_EQ(row->text, "before-deploy");
  EXPECT_EQ(row->first, (Position{1, 2}));
  EXPECT_EQ(row->states, 1);
}

TEST_F(TimelineJobTest, SaysWhenAMarkIsWithoutTheLastCommits) {
  line.time = world.clock.now() - std::chrono::minutes(1);
  line.anchor();
  at.sql(one_row());
  const auto marked = mark(session, std::vector{app()}, "before-deploy", Duration(0));
  EXPECT_FALSE(marked.front().complete);
}

TEST_F(TimelineJobTest, RefusesAMarkWhereThereIsNoTimeline) {
  const Error error =
      error_of([&] { mark(session, std::vector{app()}, "before-deploy", Duration(0)); });
  EXPECT_EQ(error.code(), ErrorCode::kPositionMissing);
}

}  // namespace
}  // namespace holdfast::service
