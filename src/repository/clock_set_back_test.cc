// The clock is set back a day, on the machine and in the store alike.
#include <gtest/gtest.h>

#include <map>

#include "repository/document.h"
#include "repository/future_snapshot.h"
#include "repository/intent.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "repository/verify.h"

namespace holdfast::repository {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class ClockSetBack : public testing::Test {
 protected:
  Snapshot take(const Numbers& numbers) {
    const Snapshot snapshot = back_up(at.repository, numbers, ++taken_);
    expected[snapshot.id] = content_of(numbers);
    return snapshot;
  }
  void forget(const Snapshot& snapshot) {
    remove_snapshot(at.repository, snapshot);
    expected.erase(snapshot.id);
  }
  PruneResult prune() {
    return repository::prune(at.repository, {.max_waste = 0, .longest_wait = seconds(5)},
                             no_progress());
  }
  // What a process left that ended with its machine.
  void leave_intent(IntentKind kind) {
    const std::string name = "intents/" + std::string(32, '5');
    const std::string text = std::string(R"({"host":"elsewhere","boot":"b","pid":7,"kind":")") +
                             (kind == IntentKind::kPrune ? "prune" : "writer") + "\"}";
    at.store.put(name, seal_document(at.repository.keys().documents, DocumentKind::kIntent, name,
                                     as_bytes(text)));
  }
  void expect_all_there() {
    const SnapshotList list = list_snapshots(at.repository);
    EXPECT_EQ(list.snapshots.size(), expected.size());
    for (const Snapshot& snapshot : list.snapshots) {
      EXPECT_EQ(restored(at.repository, snapshot), expected.at(snapshot.id)) << snapshot.name;
    }
    EXPECT_TRUE(verify(at.repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1},
                       no_progress())
                    .ok());
  }

  HistoryRepository at;
  std::map<SnapshotId, Bytes> expected;

 private:
  std::uint64_t taken_ = 0;
};

TEST_F(ClockSetBack, LosesNoSnapshotAndKeepsTheirOrderByTime) {
  const Snapshot before = take(numbered(0, 40));
  at.clock.set_back(hours(24));
  const Snapshot after = take(numbered(20, 40));
  expect_all_there();
  const auto list = list_snapshots(at.repository).snapshots;
  EXPECT_EQ(select(list, {.text = "latest", .index = {}, .database = {}}).id, before.id);
  EXPECT_EQ(select(list, {.text = {}, .index = 2, .database = {}}).id, after.id);
  at.clock.advance(hours(25));
  const Snapshot later = take(numbered(40, 40));
  EXPECT_EQ(select(list_snapshots(at.repository).snapshots,
                   {.text = "latest", .index = {}, .database = {}})
                .id,
            later.id);
}

TEST_F(ClockSetBack, IsSeenByTheSnapshotThatIsStillToCome) {
  const Snapshot before = take(numbered(0, 40));
  EXPECT_FALSE(find_future_snapshot(at.repository, before)) << "it is the only one";
  at.clock.advance(minutes(1));
  EXPECT_FALSE(find_future_snapshot(at.repository, take(numbered(1, 40))));
  at.clock.set_back(hours(24));
  for (int i = 0; i < 3; ++i) {
    const auto future = find_future_snapshot(at.repository, take(numbered(2, 40)));
    ASSERT_TRUE(future.has_value()) << i;
    EXPECT_EQ(future->id, snapshot_id(2)) << "the last one before";
    at.clock.advance(hours(1));
  }
  at.clock.advance(hours(24));
  EXPECT_FALSE(find_future_snapshot(at.repository, take(numbered(3, 40))));
}

TEST_F(ClockSetBack, DividesSnapshotsByTheirTime) {
  take(numbered(0, 4));
  take(numbered(0, 4));
  at.clock.set_back(hours(24));
  take(numbered(0, 4));
  auto snapshots = list_snapshots(at.repository).snapshots;
  const auto future = take_future_snapshots(snapshots, at.clock.now());
  ASSERT_EQ(future.size(), 2);
  EXPECT_EQ(future.front().id, snapshot_id(2));
  ASSERT_EQ(snapshots.size(), 1) << "what is taken at this moment is not to come";
  EXPECT_EQ(snapshots.front().id, snapshot_id(3));
}

TEST_F(ClockSetBack, DuringABackupIsNoReasonToTakeItForDead) {
  forget(take(numbered(0, 40)));
  {
    Writer writer(at.repository);
    const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 40), 7);
    at.clock.set_back(hours(24));
    EXPECT_EQ(prune().packs_removed, 0);
    writer.intent().beat();
    EXPECT_EQ(prune().packs_removed, 0);
    writer.commit(snapshot);
    expected[snapshot.id] = content_of(numbered(0, 40));
  }
  expect_all_there();
  prune();
  expect_all_there();
}

TEST_F(ClockSetBack, BetweenTheTwoHalvesOfAPruneChangesNothing) {
  forget(take(numbered(100, 40)));
  {
    const Writer living(at.repository);
    EXPECT_EQ(prune().packs_removed, 0) << "the first half, up to the condemned list";
  }
  at.clock.set_back(hours(24));
  take(numbered(100, 20));
  EXPECT_EQ(prune().packs_removed, 1);
  expect_all_there();
  EXPECT_TRUE(names_below(at.store, "condemned/").empty());
}

TEST_F(ClockSetBack, LeavesADeadWritersHeartbeatInTheFutureAndDelaysThePruneAlone) {
  take(numbered(0, 40));
  forget(take(numbered(100, 40)));
  leave_intent(IntentKind::kWriter);
  at.clock.set_back(hours(24));
  const Duration begun = at.clock.elapsed();
  EXPECT_EQ(prune().packs_removed, 0);
  EXPECT_LT(at.clock.elapsed() - begun, minutes(1)) << "it waits by a clock that goes on";
  expect_all_there();
  take(numbered(200, 40));
  at.clock.advance(hours(25));
  EXPECT_GE(prune().packs_removed, 1);
  expect_all_there();
}

TEST_F(ClockSetBack, LeavesADeadPrunesHeartbeatInTheFutureAndRefusesUntilThen) {
  forget(take(numbered(100, 40)));
  leave_intent(IntentKind::kPrune);
  at.clock.set_back(hours(24));
  expect_error(ErrorCode::kPruneRunning, [&] { prune(); });
  take(numbered(0, 40));
  at.clock.advance(hours(25));
  EXPECT_EQ(prune().packs_removed, 1);
  expect_all_there();
}

TEST_F(ClockSetBack, KeepsTheMarkersOfThoseTakenForDead) {
  forget(take(numbered(0, 40)));
  Writer paused(at.repository);
  const Snapshot snapshot = add_database(paused, at.repository, numbered(0, 40), 7);
  at.clock.advance(minutes(11));
  EXPECT_EQ(prune().packs_removed, 1);
  at.clock.set_back(hours(24));
  prune();
  expect_error(ErrorCode::kIntentLost, [&] { paused.commit(snapshot); });
  expect_all_there();
}

}  // namespace
}  // namespace holdfast::repository
