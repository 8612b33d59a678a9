// The last close, where the clock of the file system has not ticked: only a witness can tell.
#include <gmock/gmock.h>

#include <fstream>

#include "sqlite/test_log_follower.h"

namespace holdfast::sqlite {
namespace {

using LookKind = Look::Kind;

class WitnessedFollower : public FollowedLog {
 protected:
  WitnessedFollower() {
    follower.wal.distrust_times();
    follower.wal.set_witness([this] { return watch->events(key); });
    writer = follow(follower);
    expect_nothing(follower.look());
  }
  void close() { writer->stop(0); }
  void request(int id) const { run_sql(path, fmt::format("INSERT INTO t VALUES({}, 'row')", id)); }
  // Known, closed, and known to be closed.
  void come_between_logs() {
    insert(*writer, 2000);
    EXPECT_EQ(follower.look().commits, 1);
    close();
    expect_nothing(follower.look());
    EXPECT_TRUE(follower.wal.is_between_logs());
  }
  // A byte that changes nothing SQLite would miss, in the file's unused header space.
  void write_into(const Path& file) const {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(80).write("x", 1);
  }

  std::unique_ptr<env::FileWatch> watch = env::open_file_watch();
  env::WatchKey key = watch->add_file(path, {"-wal"}, {"-shm"});
  LogFollower follower{path};
  std::unique_ptr<OtherConnection> writer;
};

TEST_F(WitnessedFollower, GoesOnThroughOneCloseAfterTheOther) {
  come_between_logs();
  for (int i = 0; i < 50; ++i) {
    writer = std::make_unique<OtherConnection>(path);
    insert(*writer, 3000 + i);
    EXPECT_EQ(follower.look().commits, 1);
    close();
    expect_nothing(follower.look());
  }
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WitnessedFollower, GoesOnWhereAReaderCameAndWentUnseen) {
  come_between_logs();
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM t"), "202");
  expect_nothing(follower.look());
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 3000);
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WitnessedFollower, BeginsWhereThereIsNoLogYet) {
  close();
  ASSERT_TRUE(follower.begin());
  expect_nothing(follower.catch_up());
  EXPECT_TRUE(follower.wal.is_between_logs());
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 2000);
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WitnessedFollower, DoesNotBeginWithoutALogInRollbackMode) {
  close();
  run_sql(path, "PRAGMA journal_mode=DELETE");
  EXPECT_FALSE(WalFollower(path).begin());
  EXPECT_FALSE(follower.begin());
}

TEST_F(WitnessedFollower, DoesNotBeginBesideALogThatACrashLeftWithoutItsIndex) {
  writer->stop(SIGKILL);
  std::filesystem::remove(shm());
  EXPECT_FALSE(follower.wal.begin());
}

TEST_F(WitnessedFollower, IsLostWhereACommitCameAndWentAfterItBeganWithoutALog) {
  close();
  ASSERT_TRUE(follower.begin());
  expect_nothing(follower.catch_up());
  request(3000);
  expect_lost(follower.look(), Loss::kNoLog);
}

// The counter of a young index proves something if the index was never another.
TEST_F(WitnessedFollower, ReadsAYoungLogThatIsGoneAlready) {
  come_between_logs();
  for (int i = 0; i < 10; ++i) {
    writer = std::make_unique<OtherConnection>(path);
    writer->run("SELECT count(*) FROM t");
    expect_nothing(follower.look());
    insert(*writer, 3000 + i);
    close();
    EXPECT_EQ(follower.look().commits, 1);
    expect_nothing(follower.look());
    EXPECT_TRUE(follower.wal.is_between_logs());
  }
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WitnessedFollower, IsLostWhereTheIndexOfAYoungLogWasMadeAnew) {
  come_between_logs();
  writer = std::make_unique<OtherConnection>(path);
  writer->run("SELECT count(*) FROM t");
  expect_nothing(follower.look());
  insert(*writer, 3000);  // will be missed
  writer->run("PRAGMA wal_checkpoint(RESTART)");
  writer->stop(SIGKILL);
  // Its index counts from zero.
  writer = std::make_unique<OtherConnection>(path);
  writer->run("PRAGMA wal_checkpoint(RESTART)");
  insert(*writer, 3001);
  EXPECT_EQ(follower.look().kind, LookKind::kLost);
}

TEST_F(WitnessedFollower, IsLostWithoutTheWitness) {
  follower.wal.set_witness({});
  close();
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheWitnessMissedSomething) {
  follower.wal.set_witness([this] {
    auto record = watch->events(key);
    record->unbroken_since = record->now;
    return record;
  });
  close();
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheWitnessMissedSomethingLater) {
  come_between_logs();
  follower.wal.set_witness([this] {
    auto record = watch->events(key);
    record->unbroken_since = record->now + 1;
    return record;
  });
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheFileWasWrittenAfterTheClose) {
  close();
  write_into(path);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheFileIsWrittenWhileThereIsNoLog) {
  come_between_logs();
  write_into(path);
  EXPECT_FALSE(follower.wal.is_newest());
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereACommitCameAndWentUnseenAfterTheClose) {
  close();
  request(3000);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereACommitCameAndWentUnseenLater) {
  come_between_logs();
  request(3000);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereACommitCameAndWentBeforeTheNextLog) {
  come_between_logs();
  request(3000);
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 3001);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheNextLogWasWrittenBackBeforeItWasRead) {
  come_between_logs();
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 3000);
  writer->run("PRAGMA wal_checkpoint(RESTART)");
  insert(*writer, 3001);
  expect_lost(follower.look(), Loss::kNoLog);
}

// No file appears when somebody leaves WAL mode for one of these, and writes.
TEST_F(WitnessedFollower, IsLostWhereSomebodyLeavesWalModeForAJournalThatIsNoFile) {
  for (const char* mode : {"MEMORY", "OFF"}) {
    SCOPED_TRACE(mode);
    if (!follower.wal.is_following()) {
      run_sql(path, "PRAGMA journal_mode=WAL");
      writer = std::make_unique<OtherConnection>(path);
      writer->run("SELECT count(*) FROM t");
      ASSERT_TRUE(follower.begin());
      expect_nothing(follower.look());
    }
    EXPECT_EQ(writer->run(fmt::format("PRAGMA journal_mode={}", mode)).substr(0, 2), "ok");
    writer->run("UPDATE t SET b = 'unlogged'");
    EXPECT_EQ(follower.look().kind, LookKind::kLost);
    close();
  }
}

TEST_F(WitnessedFollower, TrustsNobodyWhereTheFileHasAnotherName) {
  std::filesystem::create_hard_link(path, elsewhere / "same");
  close();
  write_into(elsewhere / "same");
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WitnessedFollower, IsLostWhereTheIndexIsDeletedByHandAndMadeAgain) {
  for (const Path& file : {shm(), wal()}) std::filesystem::remove(file);
  run_sql(path, "SELECT count(*) FROM t");
  EXPECT_EQ(follower.look().kind, LookKind::kLost);
}

}  // namespace
}  // namespace holdfast::sqlite
