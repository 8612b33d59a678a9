#include "sqlite/replacement.h"

#include <gmock/gmock.h>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds kSoon{50};

class AReplacementHold : public testing::Test {
 protected:
  auto take(bool while_open = false) { return ReplacementHold::take(path, while_open, kSoon); }
  // A log with content and an index, as after kill -9.
  void leave_log(const std::string& sql = "INSERT INTO t VALUES('logged')") {
    run_sql(path, "CREATE TABLE t(x); PRAGMA journal_mode=WAL;");
    OtherConnection writer(path);
    EXPECT_EQ(writer.run(sql), "ok []");
    writer.stop(SIGKILL);
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  const Path replacement = directory / "new.db";
};

TEST_F(AReplacementHold, NamesTheProcessThatHasTheDatabaseOpen) {
  run_sql(path, "CREATE TABLE t(x)");
  OtherConnection other(path);
  other.run("SELECT * FROM t");
  try {
    take();
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDatabaseOpen);
    EXPECT_THAT(error.happened(), HasSubstr(fmt::format("python3 (pid {})", other.pid())));
  }
}

TEST_F(AReplacementHold, KeepsReadersAndWritersOut) {
  run_sql(path, "CREATE TABLE t(x)");
  OtherConnection other(path);
  other.run("PRAGMA busy_timeout=1");
  const auto hold = take(true);
  EXPECT_TRUE(hold->intact());
  EXPECT_EQ(other.run("SELECT * FROM t"), "error database is locked");
  EXPECT_EQ(other.run("INSERT INTO t VALUES(1)"), "error database is locked");
}

TEST_F(AReplacementHold, IsRefusedWhileAnotherProcessHoldsALock) {
  run_sql(path, "CREATE TABLE t(x)");
  OtherConnection other(path);
  other.run("BEGIN IMMEDIATE");
  EXPECT_EQ(code_of([&] { take(true); }), ErrorCode::kDatabaseBusy);
}

TEST_F(AReplacementHold, MergesALogThatACrashLeft) {
  leave_log();
  const auto hold = take();
  EXPECT_TRUE(hold->intact());
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
  EXPECT_THAT(file_content(path), HasSubstr("logged"));
}

TEST_F(AReplacementHold, PlaysBackAJournalThatACrashLeft) {
  run_sql(path, "CREATE TABLE t(x); INSERT INTO t VALUES('before')");
  {
    OtherConnection writer(path);
    writer.run("PRAGMA cache_size=1");
    writer.run("BEGIN");
    writer.run("UPDATE t SET x='during'");
    EXPECT_EQ(writer.run("INSERT INTO t VALUES(randomblob(100000))"), "ok []");
    writer.stop(SIGKILL);
  }
  {
    const auto hold = take();
    EXPECT_TRUE(hold->intact());
    EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
  }
  EXPECT_EQ(run_sql(path, "SELECT x FROM t"), "before");
}

TEST_F(AReplacementHold, TouchesNothingAfterTheRename) {
  leave_log();
  run_sql(replacement, "CREATE TABLE u(y); PRAGMA journal_mode=WAL;");
  auto hold = take();
  std::filesystem::rename(replacement, path);
  OtherConnection fresh(path);
  EXPECT_EQ(fresh.run("INSERT INTO u VALUES('kept')"), "ok []");
  const auto names = names_in(directory.path());
  EXPECT_EQ(names, (std::set<std::string>{"a.db", "a.db-wal", "a.db-shm"}));
  const std::string content = file_content(path), log = file_content(path.string() + "-wal");
  hold.reset();
  EXPECT_EQ(names_in(directory.path()), names);
  EXPECT_EQ(file_content(path), content);
  EXPECT_EQ(file_content(path.string() + "-wal"), log);
  EXPECT_EQ(fresh.run("SELECT y FROM u"), "ok [('kept',)]");
}

TEST_F(AReplacementHold, GivesTheDatabaseBackInWalMode) {
  leave_log();
  {
    const auto hold = take();
    hold->restore_journal_mode();
  }
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
  EXPECT_EQ(run_sql(path, "SELECT x FROM t; PRAGMA journal_mode"), "wal");
  EXPECT_EQ(run_sql(path, "SELECT x FROM t"), "logged");
}

TEST_F(AReplacementHold, HoldsBackTheCommitsOfAnIdleWalConnection) {
  leave_log();
  OtherConnection idle(path);
  idle.run("PRAGMA busy_timeout=1");
  idle.run("SELECT * FROM t");
  EXPECT_EQ(code_of([&] { take(); }), ErrorCode::kDatabaseOpen);
  const auto hold = take(true);
  EXPECT_FALSE(hold->intact()) << "its log is still there";
  EXPECT_EQ(idle.run("INSERT INTO t VALUES('late')"), "error database is locked");
}

TEST_F(AReplacementHold, MergesTheLogBesideAnIdleWalConnection) {
  leave_log();
  OtherConnection idle(path);
  EXPECT_EQ(idle.run("INSERT INTO t VALUES('just now')"), "ok []");
  const auto hold = take(true);
  EXPECT_TRUE(hold->merged());
  EXPECT_EQ(ask_image(directory.path(), file_content(path), "SELECT group_concat(x) FROM t"),
            "logged,just now");
}

// These would wait for hours if they did.
TEST_F(AReplacementHold, DoesNotWaitForAnIdleWalConnectionToGo) {
  leave_log();
  OtherConnection idle(path);
  idle.run("SELECT * FROM t");
  EXPECT_TRUE(ReplacementHold::take(path, true, std::chrono::hours(24))->merged());
}

TEST_F(AReplacementHold, DoesNotWaitForWhoeverHasADamagedFileOpen) {
  leave_log();
  OtherConnection idle(path);
  idle.run("SELECT * FROM t");
  write_content(path, std::string(5000, 'x'));
  EXPECT_FALSE(ReplacementHold::take(path, true, std::chrono::hours(24))->merged());
}

TEST_F(AReplacementHold, MergesTheLogBesideAReaderOfTheNewestState) {
  leave_log();
  OtherConnection reader(path);
  reader.run("BEGIN");
  reader.run("SELECT * FROM t");
  EXPECT_TRUE(take(true)->merged());
}

TEST_F(AReplacementHold, IsRefusedBesideAReaderThatKeepsTheLogFromBeingMerged) {
  leave_log();
  OtherConnection reader(path), writer(path);
  reader.run("BEGIN");
  reader.run("SELECT * FROM t");
  EXPECT_EQ(writer.run("INSERT INTO t VALUES('newer')"), "ok []");
  EXPECT_EQ(code_of([&] { take(true); }), ErrorCode::kDatabaseBusy);
  EXPECT_EQ(writer.run("INSERT INTO t VALUES('and newer')"), "ok []") << "something stays held";
  reader.run("COMMIT");
  EXPECT_TRUE(take(true)->merged());
}

TEST_F(AReplacementHold, HoldsDamagedFilesAsTheyAre) {
  leave_log();
  const auto damage = [&](const std::string& content) {
    write_content(path, content);
    const std::string log = file_content(path.string() + "-wal");
    const auto names = names_in(directory.path());
    const auto hold = take();
    EXPECT_FALSE(hold->intact());
    EXPECT_FALSE(hold->merged());
    EXPECT_EQ(names_in(directory.path()), names);
    EXPECT_EQ(file_content(path), content);
    EXPECT_EQ(file_content(path.string() + "-wal"), log);
  };
  damage("");
  std::filesystem::remove(path.string() + "-wal");
  std::filesystem::remove(path.string() + "-shm");
  damage(std::string(5000, 'x'));
}

TEST_F(AReplacementHold, OfNothingSaysWhetherALogIsInTheWay) {
  EXPECT_TRUE(take()->intact());
  write_content(path.string() + "-wal", "stale");
  EXPECT_FALSE(take()->intact());
}

}  // namespace
}  // namespace holdfast::sqlite
