#include <gmock/gmock.h>

#include "repository/timeline.h"
#include "repository/timeline_names.h"
#include "service/moment.h"
#include "service/test_history.h"

namespace holdfast::service {
namespace {

using repository::Position;
using repository::Relation;
using testing::HasSubstr;

class MomentChoiceTest : public TestHistory {
 protected:
  Position chosen(const MomentChoice& choice) {
    return choose_moment(session, "app", choice).position;
  }
  Position chosen_at(Time time) {
    return chosen({.at = format_rfc3339(time), .position = {}, .mark = {}});
  }
  Position chosen_position(const std::string& text) {
    return chosen({.at = {}, .position = text, .mark = {}});
  }
  Error refusal(const MomentChoice& choice) {
    return error_of([&] { chosen(choice); });
  }
};

TEST_F(MomentChoiceTest, TakesTheLastStateThatWasThereThen) {
  line.anchor();
  line.commit(one_row());
  const Time second = line.time;
  line.commit(one_row());
  EXPECT_EQ(chosen_at(second), (Position{1, 2}));
  EXPECT_EQ(chosen_at(second + Duration(999'999)), (Position{1, 2}));
  EXPECT_EQ(chosen({.at = "now", .position = {}, .mark = {}}), (Position{1, 3}));
}

TEST_F(MomentChoiceTest, TakesPositionsWithAndWithoutTheirBranch) {
  line.anchor();
  line.commit(one_row());
  EXPECT_EQ(chosen_position("2"), (Position{1, 2}));
  EXPECT_EQ(chosen_position("1.1"), (Position{1, 1}));
}

TEST_F(MomentChoiceTest, TakesTheNewestMarkOfAName) {
  line.anchor();
  const auto put = [&](const Position& position) {
    repository::put_mark(at.repository, line.series(), "before-deploy", position, line.time);
  };
  put(line.position());
  put(line.commit(one_row()));
  line.commit(one_row());
  EXPECT_EQ(chosen({.at = {}, .position = {}, .mark = "before-deploy"}), (Position{1, 2}));
  EXPECT_EQ(chosen_position("before-deploy"), (Position{1, 2}));
  const Error error = refusal({.at = {}, .position = {}, .mark = "before-deplyo"});
  EXPECT_EQ(error.code(), ErrorCode::kPositionMissing);
  EXPECT_THAT(error.happened(), HasSubstr("did you mean \"before-deploy\""));
}

TEST_F(MomentChoiceTest, NamesTheStatesOnBothSidesOfAGap) {
  line.anchor();
  line.commit(one_row());
  const Time before = line.time;
  at.sql(one_row());
  line.time += std::chrono::hours(1);
  line.anchor(Relation::kRepaired, {1, 2});
  const Error error =
      refusal({.at = format_rfc3339(before + std::chrono::minutes(5)), .position = {}, .mark = {}});
  EXPECT_EQ(error.code(), ErrorCode::kPositionMissing);
  EXPECT_THAT(error.happened(), HasSubstr("lies in a gap"));
  EXPECT_THAT(error.happened(), HasSubstr("position 1.2"));
  EXPECT_THAT(error.happened(), HasSubstr("position 1.3"));
  EXPECT_THAT(std::string(error.next()), HasSubstr("holdfast restore --position 1.2"));
}

TEST_F(MomentChoiceTest, NamesTheNeighboursOfAPositionThatIsGone) {
  line.anchor();
  line.commit(one_row());
  line.commit(one_row());
  line.commit(one_row(), 2);
  at.store.remove(repository::object_name(line.series(), line.path_to(3).segments.front()));
  const Error error = refusal({.at = {}, .position = "3", .mark = {}});
  EXPECT_EQ(error.code(), ErrorCode::kPositionMissing);
  EXPECT_THAT(error.happened(), HasSubstr("position 1.2"));
  EXPECT_THAT(error.happened(), HasSubstr("position 1.4"));
}

TEST_F(MomentChoiceTest, OffersSnapshotsWhereThereIsNoTimeline) {
  const repository::Snapshot snapshot = at.back_up().snapshot;
  const Error error = refusal({.at = "now", .position = {}, .mark = {}});
  EXPECT_EQ(error.code(), ErrorCode::kPositionMissing);
  EXPECT_THAT(error.happened(), HasSubstr("was not replicated"));
  EXPECT_THAT(std::string(error.next()),
              HasSubstr("holdfast restore " + snapshot.id.short_hex() + " --database app"));
}

TEST_F(MomentChoiceTest, RefusesWhatIsNoMomentOrMoreThanOne) {
  EXPECT_EQ(refusal({.at = "soon", .position = {}, .mark = {}}).code(), ErrorCode::kUsage);
  EXPECT_EQ(refusal({.at = "now", .position = "1", .mark = {}}).code(), ErrorCode::kUsage);
  EXPECT_EQ(refusal({}).code(), ErrorCode::kUsage);
}

TEST_F(MomentChoiceTest, PassesOverWhatOnlyADeposedWriterSent) {
  line.anchor();
  line.commit(one_row());
  at.sql(one_row());
  line.time += std::chrono::hours(1);
  engine::TimelineWriter next(at, 2);
  next.number = 2;
  next.time = line.time;
  next.anchor(Relation::kRepaired, {1, 2});
  line.commit(one_row());
  EXPECT_EQ(chosen({.at = "now", .position = {}, .mark = {}}), (Position{2, 3}));
  EXPECT_EQ(chosen_position("3"), (Position{2, 3}));
  EXPECT_EQ(chosen_position("1.3"), (Position{1, 3}));
}

}  // namespace
}  // namespace holdfast::service
