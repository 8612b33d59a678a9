#include "engine/guard/history.h"

#include <algorithm>

#include "engine/guard/test_guarded.h"
#include "engine/test_timeline.h"

namespace holdfast::engine {
namespace {

class HistoryTest : public GuardedTest {
 protected:
  HistoryTest() { at.sql(twelve()); }
  std::vector<Candidate> candidates() {
    return History(at.repository, Protection::kName).candidates();
  }
};

// A state is noted when it has been read; a commit that came meanwhile was seen before.
TEST_F(HistoryTest, PrefersTheLastPositionToAnEarlierOneThatWasNotedLater) {
  TimelineWriter timeline(at);
  timeline.anchor();
  timeline.time -= std::chrono::seconds(10);
  timeline.commit(kUsers);
  const auto found = candidates();
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].path->position, (repository::Position{1, 2}));
  EXPECT_EQ(found[1].path->position, (repository::Position{1, 1}));
  EXPECT_LE(found[1].time, found[0].time);
}

TEST_F(HistoryTest, TakesASnapshotOfItsOwnByItsTime) {
  TimelineWriter timeline(at);
  timeline.time = at.repository.clock().now() - std::chrono::hours(1);
  timeline.anchor();
  timeline.commit(kUsers);
  at.sql("DELETE FROM campaigns WHERE id = 1");
  const auto later = at.back_up().snapshot;
  const auto found = candidates();
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0].snapshot, later.id);
  EXPECT_EQ(found[1].path->position, (repository::Position{1, 2}));
}

}  // namespace
}  // namespace holdfast::engine
