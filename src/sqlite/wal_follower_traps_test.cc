// What may happen to a log between two looks, one thing at a time.
#include <gmock/gmock.h>

#include "sqlite/test_log_follower.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {
namespace {

using testing::StartsWith;
using LookKind = Look::Kind;
using WalFollowerTraps = FollowedLog;

class WalFollowerCheckpoints : public WalFollowerTraps,
                               public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(OfKind, WalFollowerCheckpoints,
                         testing::Values("PASSIVE", "FULL", "RESTART", "TRUNCATE"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(WalFollowerCheckpoints, CompleteWhileTheLogIsFollowedAndAreNoNews) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (int round = 0; round < 3; ++round) {
    insert(*writer, 2000 + round);
    EXPECT_EQ(follower.look().commits, 1);
    // The first column says whether somebody was in the way.
    EXPECT_THAT(writer->run(fmt::format("PRAGMA wal_checkpoint({})", GetParam())),
                StartsWith("ok [(0,"));
    expect_nothing(follower.look());
    EXPECT_TRUE(follower.is_whole());
  }
}

TEST_F(WalFollowerTraps, HoldsNoLock) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  follower.look();
  constexpr char kLocker[] = R"py(
import fcntl, sys
for name in sys.argv[1:]:
    with open(name, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 0, 0)
print("locked")
)py";
  writer->stop(SIGKILL);
  OtherProcess locker(kLocker, {path.string(), wal().string(), shm().string()});
  EXPECT_EQ(locker.receive(), "locked");
}

TEST_F(WalFollowerTraps, ATruncatedLogWithUnreadCommitsIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  insert(*writer, 2000);
  writer->run("PRAGMA wal_checkpoint(TRUNCATE)");
  expect_lost(follower.look(), Loss::kCountDiffers);
}

// With psow=0 SQLite repeats a commit's last frame until a sector is full.
class WalFollowerBesidePadding : public WalFollowerTraps {
 protected:
  std::unique_ptr<OtherProcess> follow_padded(LogFollower& follower) {
    run_sql(path, kFollowedTable);
    auto writer = std::make_unique<OtherProcess>(kProgram, std::vector{path.string()});
    run(*writer, "INSERT INTO t VALUES(1000, 'row')");
    EXPECT_TRUE(follower.begin());
    return writer;
  }
  static void run(OtherProcess& writer, const std::string& sql) {
    writer.send(sql);
    EXPECT_THAT(writer.receive(), StartsWith("ok")) << sql;
  }

 private:
  static constexpr char kProgram[] = R"py(
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?psow=0", uri=True, isolation_level=None)
db.execute("PRAGMA synchronous=FULL")
for line in sys.stdin:
    print("ok", db.execute(line).fetchall())
)py";
};

TEST_F(WalFollowerBesidePadding, CountsACommitOnce) {
  LogFollower follower(path);
  const auto writer = follow_padded(follower);
  const auto frames = std::filesystem::file_size(wal()) / (kFrameHeaderSize + 4096);
  run(*writer, "INSERT INTO t VALUES(2000, 'row')");
  ASSERT_GT(std::filesystem::file_size(wal()) / (kFrameHeaderSize + 4096), frames + 1);
  EXPECT_EQ(follower.look().commits, 1);
  run(*writer, "PRAGMA wal_checkpoint(TRUNCATE)");
  run(*writer, "INSERT INTO t VALUES(2001, 'row')");
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 1) << look.detail;
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerBesidePadding, DoesNotTakeItForACommitThatWasLost) {
  LogFollower follower(path);
  const auto writer = follow_padded(follower);
  for (int row = 2000; row < 2002; ++row) {
    run(*writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    run(*writer, fmt::format("INSERT INTO t VALUES({}, 'row')", row));
  }
  expect_lost(follower.look(), Loss::kCountDiffers);
}

TEST_F(WalFollowerTraps, SeveralResetsWithoutCommitsAreNoNews) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (int i = 0; i < 3; ++i) writer->run("PRAGMA wal_checkpoint(TRUNCATE)");
  expect_nothing(follower.look());
  insert(*writer, 2000);
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTraps, TheLastCloseAndTheNextOpenLoseNothing) {
  LogFollower follower(path);
  auto writer = follow(follower);
  for (int round = 0; round < 3; ++round) {
    insert(*writer, 2000 + round);
    close_later(*writer);  // what it wrote is read from a log that is deleted by now
    ASSERT_FALSE(std::filesystem::exists(wal()));
    const Look look = follower.look();
    EXPECT_EQ(look.commits, 1) << look.detail;
    EXPECT_TRUE(look.more);
    expect_nothing(follower.look());
    EXPECT_TRUE(follower.wal.is_newest());
    writer = std::make_unique<OtherConnection>(path);
    insert(*writer, 3000 + round);
    EXPECT_FALSE(follower.wal.is_newest());
    const Look after = follower.look();
    EXPECT_EQ(after.commits, 1) << after.detail;
    EXPECT_TRUE(follower.is_whole());
  }
}

TEST_F(WalFollowerTraps, AWholeLifeOfALogBetweenTwoLooksIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  writer->stop(0);
  run_sql(path, "INSERT INTO t VALUES(2000, 'unseen')");
  expect_lost(follower.look(), Loss::kNoLog);
  EXPECT_FALSE(follower.begin());
}

TEST_F(WalFollowerTraps, AWholeLifeOfALogAfterTheLastCloseWasSeenIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  close_later(*writer);
  expect_nothing(follower.catch_up());
  run_sql(path, "INSERT INTO t VALUES(2000, 'unseen')");
  EXPECT_FALSE(follower.wal.is_newest());
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WalFollowerTraps, ADifferentJournalModeIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  EXPECT_EQ(writer->run("PRAGMA journal_mode=DELETE"), "ok [('delete',)]");
  expect_lost(follower.catch_up(), Loss::kNoLog);
  EXPECT_FALSE(follower.begin());
}

TEST_F(WalFollowerTraps, ADifferentPageSizeIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (const char* sql : {"PRAGMA journal_mode=DELETE", "PRAGMA page_size=8192", "VACUUM",
                          "PRAGMA journal_mode=WAL"}) {
    writer->run(sql);
  }
  insert(*writer, 2000);
  EXPECT_EQ(follower.look().kind, LookKind::kLost);
  ASSERT_TRUE(follower.begin());
  insert(*writer, 2001);
  EXPECT_EQ(follower.look().geometry.page_size, 8192);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTraps, AVacuumIsACommitLikeAnyOther) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  writer->run("DELETE FROM t WHERE a > 20");
  writer->run("VACUUM");
  insert(*writer, 2000);
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 3) << look.detail;
  EXPECT_LT(look.geometry.page_count, 10);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTraps, ShrinkingAndGrowingByAutomaticVacuumIsFollowed) {
  LogFollower follower(path);
  const auto writer = follow(follower, "PRAGMA auto_vacuum=FULL;");
  for (int round = 0; round < 4; ++round) {
    writer->run("DELETE FROM t WHERE a % 3 = 1");
    if (round % 2 == 0) follower.look();
    writer->run("INSERT OR REPLACE INTO t SELECT 3 * a + 1, randomblob(900) FROM t");
    const Look look = follower.look();
    EXPECT_EQ(look.kind, LookKind::kCommits) << look.detail;
    EXPECT_TRUE(follower.is_whole());
  }
}

TEST_F(WalFollowerTraps, ManyCommitsComeInPartsThatEachEndInOne) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (int i = 1; i <= 12; ++i) {
    writer->run(fmt::format("UPDATE t SET b = randomblob(300) WHERE a / 16 = {}", i));
  }
  std::uint64_t commits = 0;
  Look look;
  do {
    look = follower.look(5 * 4096);
    ASSERT_EQ(look.kind, LookKind::kCommits) << look.detail;
    EXPECT_LE(look.content.size(), 5 * 4096);
    commits += look.commits;
  } while (look.more);
  EXPECT_EQ(commits, 12);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTraps, PartsGoOnAcrossAReset) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (int i = 1; i <= 12; ++i) {
    writer->run(fmt::format("UPDATE t SET b = randomblob(300) WHERE a / 16 = {}", i));
    if (i != 7) continue;
    follower.look(5 * 4096);
    writer->run("PRAGMA wal_checkpoint(RESTART)");
  }
  int parts = 0;
  Look look;
  do {
    look = follower.look(5 * 4096);
    ++parts;
  } while (look.more);
  if (look.kind == LookKind::kLost) {
    EXPECT_EQ(look.loss, Loss::kCountDiffers) << look.detail;  // where the new frames cover the old
  } else {
    EXPECT_GT(parts, 2);
    EXPECT_TRUE(follower.is_whole());
  }
}

TEST_F(WalFollowerTraps, ACommitLargerThanTheCallerTakesIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  insert(*writer, 2000);
  writer->run("UPDATE t SET b = randomblob(300)");
  const Look first = follower.look(5 * 4096);
  EXPECT_EQ(first.commits, 1);
  EXPECT_TRUE(first.more);
  expect_lost(follower.look(5 * 4096), Loss::kTooLarge);
}

}  // namespace
}  // namespace holdfast::sqlite
