#include "sqlite/wal_follower.h"

#include <gmock/gmock.h>

#include "sqlite/test_log_follower.h"

namespace holdfast::sqlite {
namespace {

using WalFollowerTest = FollowedLog;

TEST_F(WalFollowerTest, FollowsNothingWhereThereIsNoLog) {
  run_sql(path, "CREATE TABLE t(a)");
  WalFollower follower(path);
  EXPECT_FALSE(follower.begin());
  EXPECT_FALSE(follower.is_following());
  const Look look = follower.look(1 << 20);
  EXPECT_EQ(look.kind, Look::Kind::kLost);
  EXPECT_EQ(look.loss, Loss::kNotFollowed);
}

TEST_F(WalFollowerTest, AnswersEachCommitOnce) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES(1000, 'first')");
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  EXPECT_EQ(follower.look().kind, Look::Kind::kNothing);
  EXPECT_TRUE(follower.wal.is_newest());
  writer.run("INSERT INTO t VALUES(1001, 'second')");
  EXPECT_FALSE(follower.wal.is_newest());
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 1);
  EXPECT_EQ(look.pages.size(), 1);
  EXPECT_EQ(look.content.size(), 4096);
  EXPECT_EQ(look.old_tail_commits, 0);
  EXPECT_FALSE(look.more);
  EXPECT_TRUE(follower.is_whole());
  EXPECT_EQ(follower.look().kind, Look::Kind::kNothing);
}

TEST_F(WalFollowerTest, TakesSeveralCommitsTogetherWithTheNewestContentOfEachPage) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES(1000, 'first')");
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  for (int i = 1; i <= 20; ++i) writer.run(fmt::format("UPDATE t SET b = {} WHERE a = 1000", i));
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 20);
  EXPECT_EQ(look.pages.size(), 1);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTest, LeavesOutWhatWasRolledBack) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  writer.run("PRAGMA cache_size=10");
  LogFollower follower(path);
  writer.run("INSERT INTO t VALUES(1000, 'first')");
  ASSERT_TRUE(follower.begin());
  writer.run("BEGIN");
  writer.run("UPDATE t SET b = zeroblob(3000)");  // more than the cache: frames are written
  EXPECT_EQ(follower.look().kind, Look::Kind::kNothing);
  writer.run("ROLLBACK");
  EXPECT_EQ(follower.look().kind, Look::Kind::kNothing);
  writer.run("INSERT INTO t VALUES(1001, 'second')");
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTest, ReadsTheTailOfTheOldGenerationAfterAReset) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  for (int i = 0; i < 20; ++i) writer.run(fmt::format("INSERT INTO t VALUES({}, 'x')", 1000 + i));
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  for (int i = 0; i < 5; ++i) writer.run(fmt::format("INSERT INTO t VALUES({}, 'y')", 2000 + i));
  writer.run("PRAGMA wal_checkpoint(RESTART)");
  writer.run("INSERT INTO t VALUES(3000, 'z')");
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 6) << look.detail;
  EXPECT_EQ(look.old_tail_commits, 5);
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerTest, NoticesThatTheTailWasOverwritten) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES(1000, 'x')");
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  writer.run("INSERT INTO t VALUES(1001, 'x')");
  writer.run("PRAGMA wal_checkpoint(RESTART)");
  for (int i = 0; i < 5; ++i) writer.run(fmt::format("INSERT INTO t VALUES({}, 'z')", 2000 + i));
  const Look look = follower.look();
  EXPECT_EQ(look.kind, Look::Kind::kLost);
  EXPECT_EQ(look.loss, Loss::kCountDiffers) << look.detail;
  EXPECT_EQ(follower.look().loss, Loss::kNotFollowed);
  ASSERT_TRUE(follower.begin());
  writer.run("INSERT INTO t VALUES(3000, 'z')");
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
}

}  // namespace
}  // namespace holdfast::sqlite
