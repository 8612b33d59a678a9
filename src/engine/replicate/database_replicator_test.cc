#include "engine/replicate/database_replicator.h"

#include "engine/replicate/test_replica.h"

namespace holdfast::engine {
namespace {

using repository::Position;
using repository::Relation;
using std::chrono::milliseconds;

class ReplicatorTest : public testing::Test, public Replica {};

TEST_F(ReplicatorTest, MakesEveryPositionRestorableAsItWas) {
  start();
  EXPECT_EQ(flush(), (Position{1, 1}));
  for (int i = 0; i < 40; ++i) {
    update(i);
    if (i % 7 == 0) commit("INSERT INTO record (body) SELECT randomblob(3000) FROM record LIMIT 9");
    flush();
  }
  commit("DELETE FROM record WHERE id > 20");
  commit("VACUUM");
  flush();
  update(3);
  flush();
  expect_every_image();
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
  EXPECT_EQ(replicator->state().phase, Phase::kFollowing);
}

TEST_F(ReplicatorTest, CountsCommitsInPositions) {
  start();
  const Position before = flush();
  for (int i = 0; i < 5; ++i) update(i);
  EXPECT_EQ(flush().number, before.number + 5);
}

TEST_F(ReplicatorTest, SendsNoMoreSegmentsThanTheShipIntervalAllows) {
  options.ship_interval = milliseconds(300);
  start();
  flush();
  env::Clock& clock = repository.clock();
  const std::uint64_t before = replicator->state().segments;
  const Duration begun = clock.elapsed();
  for (int i = 0; i < 60; ++i) {
    update(i);
    replicator->step(true);
    clock.wait(milliseconds(5), {});
    replicator->step(false);
  }
  const auto most = 2 + (clock.elapsed() - begun) / options.ship_interval;
  const auto sent = replicator->state().segments - before;
  EXPECT_GE(sent, 1u) << "the first commit waits for nothing";
  EXPECT_LE(sent, static_cast<std::uint64_t>(most));
  const Position last = flush();
  settle();
  EXPECT_EQ(replicator->state().position, last);
  expect_every_image();
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
}

TEST_F(ReplicatorTest, WhatWaitsForTheShipIntervalIsSentWithoutAnotherCommit) {
  options.ship_interval = milliseconds(200);
  start();
  flush();
  update(1);
  replicator->step(true);
  settle(milliseconds(1));
  update(2);
  replicator->step(true);
  settle(milliseconds(400));
  const Position sent = replicator->state().position;
  EXPECT_EQ(sent.number, flush().number) << "nothing was left for the flush";
}

TEST_F(ReplicatorTest, NeedsNoStepsWhileAJobWaitsForItsTurn) {
  start();
  for (const char* job : {"the lease", "the scan"}) {
    SCOPED_TRACE(job);
    const auto next = replicator->step(false);
    EXPECT_TRUE(next.wants_scan);
    EXPECT_GT(next.look_after, std::chrono::hours(1));
    replicator->scan_or_close({});
  }
  EXPECT_FALSE(replicator->step(false).wants_scan);
}

TEST_F(ReplicatorTest, FollowsCheckpointsOfEveryKind) {
  start();
  flush();
  for (const char* kind : {"PASSIVE", "FULL", "RESTART", "TRUNCATE"}) {
    update(1);
    flush();
    writer->run(std::string("PRAGMA wal_checkpoint(") + kind + ")");
    update(2);
    update(3);
    flush();
  }
  expect_every_image();
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
}

TEST_F(ReplicatorTest, AsksNothingOfTheStoreWhileNothingHappens) {
  storage::CountingStore counting(memory);
  repository = repository::Repository::open(counting, env::system_clock(), std::nullopt);
  start();
  update(1);
  flush();
  settle(milliseconds(900));
  counting.reset();
  for (int i = 0; i < 100; ++i) {
    const auto next = replicator->step(false);
    EXPECT_FALSE(next.wants_scan);
    EXPECT_GE(next.look_after, std::chrono::seconds(1));
  }
  replicator->step(true);
  settle(milliseconds(900));
  EXPECT_EQ(counting.total().requests, 0u);
}

TEST_F(ReplicatorTest, KeepsEveryCommitWhileTheStoreIsAway) {
  options.backlog_directory = directory / "backlog";
  start();
  flush();
  store.inject({.kind = storage::Fault::Kind::kFail});
  for (int i = 0; i < 10; ++i) {
    update(i);
    replicator->step(true);
    settle(milliseconds(150));
  }
  const FollowerState away = replicator->state();
  EXPECT_EQ(away.phase, Phase::kDetached);
  EXPECT_GT(away.lag_seconds(repository.clock().now()), 0);
  EXPECT_GT(away.backlog_bytes, 0u);
  store.repair();
  EXPECT_EQ(flush().number, 11u);
  EXPECT_EQ(replicator->state().phase, Phase::kFollowing);
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
  expect_every_image();
}

TEST_F(ReplicatorTest, SendsWhatAnEarlierRunCouldNotSend) {
  options.backlog_directory = directory / "backlog";
  start();
  flush();
  store.inject({.kind = storage::Fault::Kind::kFail});
  update(1);
  EXPECT_FALSE(replicator->finish(milliseconds(300)));
  const std::string image = image_of(database());
  store.repair();
  options.lease.stale_after = milliseconds(1);  // this process lives, which a crash would not leave
  start();
  EXPECT_EQ(flush(), (Position{2, 2}));
  EXPECT_TRUE(restored_at({1, 2}) == image);
  expect_every_image();
}

TEST_F(ReplicatorTest, ClosesAGapThatAFullBacklogLeft) {
  start();
  flush();
  store.inject({.kind = storage::Fault::Kind::kFail});
  for (int i = 0; i < 6; ++i) {
    commit("INSERT INTO record (body) SELECT randomblob(1400000)");
    replicator->step(true);
    settle(milliseconds(150));
  }
  EXPECT_EQ(replicator->state().phase, Phase::kDetached);
  store.repair();
  flush();
  EXPECT_EQ(replicator->state().phase, Phase::kFollowing);
  update(1);
  flush();
  expect_every_image();
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kRepaired);
}

TEST_F(ReplicatorTest, LosesNothingToAStoreThatFailsNowAndThen) {
  start();
  flush();
  store.inject({.kind = storage::Fault::Kind::kFail, .probability = 0.1});
  store.inject({.kind = storage::Fault::Kind::kFailAfter, .probability = 0.1});
  for (int i = 0; i < 30; ++i) {
    update(i);
    flush();
  }
  store.repair();
  expect_every_image();
}

TEST_F(ReplicatorTest, LearnsACommitThatIsTooLargeByReadingTheDatabase) {
  options.look_bytes = 1u << 20;
  start();
  flush();
  commit("INSERT INTO record (body) SELECT randomblob(20000) FROM record");
  const Position repaired = flush();
  update(5);
  flush();
  expect_every_image();
  EXPECT_EQ(replicator->state().continuity_repaired, 1u);
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kRepaired);
  EXPECT_EQ(timeline().anchors.back().position, repaired);
}

TEST_F(ReplicatorTest, ClosesIntoASnapshotThatABackupAddsNothingTo) {
  options.overlay_bytes = 100'000;
  start();
  flush();
  for (int i = 0; i < 60; ++i) {
    update(i);
    flush();
    settle();
  }
  EXPECT_GT(timeline().anchors.size(), 1u);
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kContinued);
  replicator->close_soon();
  settle();
  update(61);
  flush();
  replicator->close_soon();
  settle();
  EXPECT_EQ(timeline().anchors.back().position, images.rbegin()->first);
  const repository::Snapshot backup = back_up().snapshot;
  EXPECT_EQ(backup.databases.front().pages_changed, 0u);
  update(62);
  flush();
  expect_every_image();
}

TEST_F(ReplicatorTest, GoesOnAfterSomebodyElseReplacedItsLocalDigests) {
  start();
  flush();
  update(1);
  flush();
  back_up();
  update(2);
  flush();
  replicator->close_soon();
  settle();
  update(3);
  flush();
  expect_every_image();
}

TEST_F(ReplicatorTest, FollowsADatabaseWithARollbackJournal) {
  writer.reset();
  sql("PRAGMA journal_mode=DELETE");
  writer.emplace(database());
  start();
  flush();
  for (int i = 0; i < 8; ++i) {
    update(i);
    flush();
  }
  commit("VACUUM");
  flush();
  expect_every_image();
  EXPECT_EQ(timeline().anchors.size(), 1u);
}

TEST_F(ReplicatorTest, ClosesIntoASnapshotThatSaysTheJournalMode) {
  writer.reset();
  options.close_interval = milliseconds(0);
  std::vector<std::string> modes;
  for (const char* mode : {"WAL", "DELETE"}) {
    sql(std::string("PRAGMA journal_mode=") + mode);
    start();
    flush();
    sql("CREATE TABLE in_" + std::string(mode) + " (a)");
    flush();
    settle();
    const repository::Timeline found = timeline();
    ASSERT_EQ(found.anchors.back().relation, Relation::kContinued);
    const auto snapshot =
        repository::find_snapshot(repository, found.series, found.anchors.back().snapshot);
    modes.push_back(snapshot.value().database(kName)->journal_mode);
    replicator->finish(kLongest);
  }
  EXPECT_EQ(modes, (std::vector<std::string>{"wal", "rollback"}));
}

TEST_F(ReplicatorTest, RemovesASnapshotThatAnEarlierSessionDidNotComeToName) {
  start();
  flush();
  replicator->finish(kLongest);
  const auto own =
      repository::find_snapshot(repository, timeline().series, timeline().anchors.back().snapshot);
  repository::Snapshot left = own.value(), taken = own.value();
  left.time = taken.time = left.time - std::chrono::hours(2);
  left.id.bytes[0] ^= std::byte{1};
  taken.id.bytes[0] ^= std::byte{2};
  taken.tags.clear();
  for (repository::Snapshot* snapshot : {&left, &taken}) {
    repository::put_snapshot(repository, *snapshot);
  }
  start();
  flush();
  EXPECT_FALSE(repository::find_snapshot(repository, timeline().series, left.id));
  EXPECT_TRUE(repository::find_snapshot(repository, timeline().series, taken.id));
  EXPECT_TRUE(repository::find_snapshot(repository, timeline().series, own->id));
}

TEST_F(ReplicatorTest, FollowsThroughSwitchesOfTheJournalMode) {
  start();
  flush();
  for (const char* mode : {"DELETE", "WAL", "TRUNCATE", "WAL"}) {
    writer->run(std::string("PRAGMA journal_mode=") + mode);
    update(1);
    flush();
    update(2);
    flush();
  }
  expect_every_image();
}

TEST_F(ReplicatorTest, FollowsWritersThatOpenAndCloseTheDatabase) {
  writer.reset();
  start();
  flush();
  for (int i = 0; i < 5; ++i) {
    sql("UPDATE record SET body = randomblob(400) WHERE id = " + std::to_string(i));
    flush();
  }
  expect_every_image();
}

TEST_F(ReplicatorTest, GoesOnFromTheSamePositionWhereNothingHappenedMeanwhile) {
  start();
  update(1);
  const Position last = flush();
  EXPECT_TRUE(replicator->finish(kLongest));
  start();
  EXPECT_EQ(flush(), (Position{2, last.number}));
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kContinued);
  expect_every_image();
}

TEST_F(ReplicatorTest, ReportsCommitsThatNobodySaw) {
  start();
  const Position last = flush();
  replicator->finish(kLongest);
  update(1);
  start();
  EXPECT_EQ(flush(), (Position{2, last.number + 1}));
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kRepaired);
  expect_every_image();
}

TEST_F(ReplicatorTest, GoesOnBesideALogThatADeadProcessLeft) {
  update(1);
  writer.reset();
  ASSERT_GT(std::filesystem::file_size(database().string() + "-wal"), 0u);
  start();
  flush();
  writer.emplace(database());
  update(2);
  flush();
  update(3);
  flush();
  expect_every_image();
  EXPECT_EQ(timeline().anchors.size(), 1u);
}

TEST_F(ReplicatorTest, ForksWhereTheDatabaseIsOlderThanItsTimeline) {
  start();
  const Position old = flush();
  writer->run("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::copy_file(database(), directory / "old.db");
  update(1);
  flush();
  update(2);
  const Position newest = flush();
  replicator->finish(kLongest);
  writer.reset();
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(database().string() + suffix);
  }
  std::filesystem::rename(directory / "old.db", database());
  start();
  const Position forked = flush();
  EXPECT_EQ(forked, (Position{2, newest.number + 1}));
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kForked);
  EXPECT_EQ(timeline().anchors.back().origin, old);
  expect_every_image();
}

TEST_F(ReplicatorTest, RepairsADatabaseThatWasReplacedUnderItsHands) {
  start();
  flush();
  writer.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(database().string() + suffix);
  }
  sql("PRAGMA journal_mode=WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, body);" +
      rows_sql(500, 700));
  writer.emplace(database());
  writer->run("SELECT count(*) FROM record");
  flush();
  update(1);
  flush();
  expect_every_image();
  EXPECT_EQ(timeline().anchors.back().relation, Relation::kReplaced);
}

TEST_F(ReplicatorTest, RefusesAFreshDatabaseBesideAFullHistory) {
  start();
  flush();
  replicator->finish(kLongest);
  writer.reset();
  std::filesystem::remove(database());
  sql("PRAGMA journal_mode=WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, body)");
  const std::size_t anchors = timeline().anchors.size();
  start();
  settle();
  EXPECT_EQ(replicator->state().phase, Phase::kRefused);
  EXPECT_EQ(timeline().anchors.size(), anchors);
  sql(rows_sql(3, 100));
  replicator->step(true);
  flush();
  EXPECT_EQ(replicator->state().phase, Phase::kFollowing);
}

TEST_F(ReplicatorTest, WaitsForADatabaseThatIsNotThereYet) {
  writer.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(database().string() + suffix);
  }
  start();
  settle();
  EXPECT_EQ(replicator->state().phase, Phase::kWaiting);
  sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body);" + rows_sql(3, 100));
  replicator->step(true);
  flush();
  expect_every_image();
}

TEST_F(ReplicatorTest, WritesToASideBranchWhenItWasDeposedAndComesBackOnANewOne) {
  start();
  flush();
  repository::LeaseOptions impatient{.stale_after = milliseconds(1),
                                     .longest_wait = std::chrono::minutes(2),
                                     .look_every = milliseconds(1),
                                     .confirm_after = milliseconds(0)};
  auto other = repository::Lease::acquire(
      repository, repository::timeline_series(repository, kName), impatient, "other", {});
  options.lease.stale_after = milliseconds(1);
  update(1);
  replicator->step(true);
  settle();
  EXPECT_EQ(replicator->state().phase, Phase::kDeposed);
  EXPECT_EQ(replicator->state().position, (Position{1, 1}));
  other.release();
  start();
  EXPECT_EQ(flush().branch, 3u);
  expect_every_image();
}

TEST_F(ReplicatorTest, RestsAndGoesOn) {
  start();
  flush();
  for (int i = 0; i < 4; ++i) {
    replicator->rest();
    update(i);
    flush();
  }
  expect_every_image();
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
}

TEST_F(ReplicatorTest, ClosesAfterThinningManyShortSegments) {
  options.retention.steps = {{std::chrono::seconds(0), std::chrono::seconds(0)},
                             {std::chrono::hours(2), std::chrono::hours(1)}};
  options.overlay_bytes = 60'000;
  start();
  flush();
  Position last;
  for (int i = 0; i < 80; ++i) {
    update(i);
    last = flush();
    settle();
  }
  EXPECT_TRUE(restored_at(last) == images.at(last));
}

}  // namespace
}  // namespace holdfast::engine
