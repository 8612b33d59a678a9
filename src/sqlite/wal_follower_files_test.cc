// What may happen to the files of a database and its log between two looks.
#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sqlite/test_log_follower.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {
namespace {

using LookKind = Look::Kind;
using WalFollowerFiles = FollowedLog;

constexpr char kAlone[] = R"py(
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode=EXCLUSIVE")
db.execute("INSERT INTO t VALUES(2000, 'alone')")
print("done")
sys.stdin.read()
)py";

TEST_F(WalFollowerFiles, TheLockPageIsZerosThoughNoFrameHoldsIt) {
  run_sql(path, "PRAGMA page_size=65536; CREATE TABLE t(a INTEGER PRIMARY KEY, b);");
  const PageNumber lock_page = 0x40000000 / 65536 + 1;
  const PageNumber pages = lock_page - 2;
  // Nearly all of it is a hole.
  std::filesystem::resize_file(path, std::uint64_t{pages} * 65536);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::array<char, 4> count{0, 0, static_cast<char>(pages >> 8), static_cast<char>(pages)};
  file.seekp(28).write(count.data(), count.size());
  file.close();
  OtherConnection writer(path);
  writer.run("PRAGMA journal_mode=WAL");
  writer.run("INSERT INTO t VALUES(1, 'row')");
  WalFollower follower(path);
  ASSERT_TRUE(follower.begin());
  EXPECT_EQ(writer.run("INSERT INTO t VALUES(2, zeroblob(300000))"), "ok []");
  const Look look = follower.look(8u << 20);
  ASSERT_EQ(look.kind, LookKind::kCommits) << look.detail;
  EXPECT_GT(look.geometry.page_count, lock_page);
  const auto at = std::find(look.pages.begin(), look.pages.end(), lock_page);
  ASSERT_NE(at, look.pages.end());
  const auto content =
      ByteView(look.content)
          .subspan(static_cast<std::size_t>(at - look.pages.begin()) * 65536, 65536);
  EXPECT_EQ(as_text(content), std::string(65536, '\0'));
}

TEST_F(WalFollowerFiles, AnotherFileAtThePathIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  std::filesystem::copy_file(path, elsewhere / "copy");
  std::filesystem::rename(elsewhere / "copy", path);
  expect_lost(follower.look(), Loss::kReplaced);
}

TEST_F(WalFollowerFiles, ACopyWrittenIntoTheFileIsALoss) {
  LogFollower follower(path);
  auto writer = follow(follower);
  const std::string old = file_content(path);
  insert(*writer, 2000);
  EXPECT_EQ(follower.look().commits, 1);
  writer->run("PRAGMA wal_checkpoint(FULL)");
  expect_nothing(follower.look());
  writer->stop(SIGKILL);
  wait_until_settled();
  write_content(path, old);  // beside the log of another state
  expect_lost(follower.look(), Loss::kReplaced);
}

TEST_F(WalFollowerFiles, ACopyWrittenIntoTheFileIsALossEvenWhenTheLogGoesOnBeforeTheNextLook) {
  LogFollower follower(path);
  auto writer = follow(follower);
  writer->run("PRAGMA wal_checkpoint(FULL)");
  expect_nothing(follower.look());
  writer->stop(SIGKILL);
  wait_until_settled();
  write_content(path, file_content(path));
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 2000);
  expect_lost(follower.look(), Loss::kIndex);
}

TEST_F(WalFollowerFiles, AFileThatWasDeletedAndMadeAgainIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  close_later(*writer);
  expect_nothing(follower.catch_up());
  follower.wal.rest();
  const std::string content = file_content(path);
  std::filesystem::remove(path);
  expect_lost(follower.look(), Loss::kReplaced);
  write_content(path, content);
  EXPECT_FALSE(follower.begin());
}

TEST_F(WalFollowerFiles, ADatabaseThatWasDeletedWithItsLogAndMadeAgainIsALoss) {
  LogFollower follower(path);
  const auto writer = follow(follower);
  for (const Path& file : {path, wal(), shm()}) std::filesystem::remove(file);
  run_sql(path, kFollowedTable);
  expect_lost(follower.look(), Loss::kReplaced);
}

TEST_F(WalFollowerFiles, AnExclusiveConnectionSharesNoIndex) {
  run_sql(path, kFollowedTable);
  OtherProcess alone(kAlone, {path.string()});
  EXPECT_EQ(alone.receive(), "done");
  WalFollower follower(path);
  EXPECT_FALSE(follower.begin());
}

TEST_F(WalFollowerFiles, AnExclusiveConnectionBesideAnOldIndexIsALoss) {
  LogFollower follower(path);
  auto writer = follow(follower);
  writer->stop(SIGKILL);
  expect_nothing(follower.look());
  OtherProcess alone(kAlone, {path.string()});
  EXPECT_EQ(alone.receive(), "done");
  ASSERT_TRUE(std::filesystem::exists(shm()));
  expect_lost(follower.look(), Loss::kIndex);
}

TEST_F(WalFollowerFiles, AnIndexThatIsRebuiltAfterACrashIsFollowedWithinAGeneration) {
  LogFollower follower(path);
  auto writer = follow(follower);
  insert(*writer, 2000);
  writer->stop(SIGKILL);
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 2001);
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 2) << look.detail;
  EXPECT_TRUE(follower.is_whole());
}

// The count of an index that was made anew may happen to be the expected one.
TEST_F(WalFollowerFiles, AResetAfterTheIndexWasRebuiltIsALossThoughTheCountIsRight) {
  run_sql(path, kFollowedTable);
  auto writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 1000);
  writer->stop(SIGKILL);
  writer = std::make_unique<OtherConnection>(path);  // counts from zero
  writer->run("SELECT count(*) FROM t");
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  insert(*writer, 2000);  // will be missed
  writer->stop(SIGKILL);
  writer = std::make_unique<OtherConnection>(path);
  writer->run("PRAGMA wal_checkpoint(RESTART)");
  for (int i = 0; i < 5; ++i) insert(*writer, 3000 + i);
  expect_lost(follower.look(), Loss::kIndex);
}

TEST_F(WalFollowerFiles, ALogOfBigEndianChecksumsIsFollowedToo) {
  run_sql(path, kFollowedTable);
  auto writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 1000);
  insert(*writer, 1001);
  writer->stop(SIGKILL);
  // As another machine would have written it.
  std::string log = file_content(wal());
  const auto bytes = std::as_writable_bytes(std::span(log));
  const auto store_be = [&](std::size_t at, std::uint32_t value) {
    store(bytes.data() + at, __builtin_bswap32(value));
  };
  store_be(0, 0x377f0683);
  LogChecksum sum;
  sum.add(bytes.first(24), true);
  store_be(24, sum.first);
  store_be(28, sum.second);
  for (std::size_t at = kLogHeaderSize; at < log.size(); at += kFrameHeaderSize + 4096) {
    sum.add(bytes.subspan(at, 8), true);
    sum.add(bytes.subspan(at + kFrameHeaderSize, 4096), true);
    store_be(at + 16, sum.first);
    store_be(at + 20, sum.second);
  }
  write_content(wal(), log);
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 2000);
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  insert(*writer, 2001);
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM t"), "204");
}

TEST_F(WalFollowerFiles, AHalfWrittenHeaderIsWaitedForButNotForever) {
  LogFollower follower(path);
  auto writer = follow(follower);
  writer->stop(SIGKILL);
  const std::string whole = file_content(shm());
  const auto write_byte = [&](char byte) {
    std::fstream(shm(), std::ios::in | std::ios::out | std::ios::binary).seekp(60).write(&byte, 1);
  };
  write_byte(static_cast<char>(whole[60] + 1));
  EXPECT_FALSE(WalFollower(path).begin());
  for (int i = 0; i < 3; ++i) expect_nothing(follower.look());
  EXPECT_FALSE(follower.wal.is_newest());
  write_byte(whole[60]);
  EXPECT_TRUE(follower.wal.is_newest());
  expect_nothing(follower.look());
  write_byte(static_cast<char>(whole[60] + 1));
  Look look;
  for (int i = 0; i < 10 && look.loss != Loss::kIndex; ++i) look = follower.look();
  expect_lost(look, Loss::kIndex);
}

TEST_F(WalFollowerFiles, ARestingFollowerHasNoDescriptorAndGoesOn) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  LogFollower follower(path);
  const auto before = descriptors();
  const auto writer = follow(follower);
  follower.wal.rest();
  EXPECT_EQ(descriptors(), before + 2);  // the pipes of the other process
  insert(*writer, 2000);
  EXPECT_FALSE(follower.wal.is_newest());
  follower.wal.rest();
  EXPECT_EQ(follower.look().commits, 1);
  follower.wal.rest();
  expect_nothing(follower.look());
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerFiles, ALogThatIsDeletedWhileTheFollowerRestsIsALossOnlyWhereItHeldNews) {
  LogFollower follower(path);
  auto writer = follow(follower);
  writer->run("PRAGMA wal_checkpoint(FULL)");
  expect_nothing(follower.look());
  wait_until_settled();
  follower.wal.rest();
  writer->stop(0);
  ASSERT_FALSE(std::filesystem::exists(wal()));
  expect_nothing(follower.look());
  writer = std::make_unique<OtherConnection>(path);
  insert(*writer, 2000);
  EXPECT_EQ(follower.look().commits, 1);
  EXPECT_TRUE(follower.is_whole());
  follower.wal.rest();  // with a commit that is not in the file
  writer->stop(0);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WalFollowerFiles, ALogThatIsDeletedByHandIsALoss) {
  LogFollower follower(path);
  auto writer = follow(follower);
  for (const Path& file : {shm(), wal()}) std::filesystem::remove(file);
  expect_lost(follower.look(), Loss::kNoLog);
}

TEST_F(WalFollowerFiles, AnEmptyLogGetsItsFirstCommit) {
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  writer.run("SELECT count(*) FROM t");
  LogFollower follower(path);
  ASSERT_TRUE(follower.begin());
  expect_nothing(follower.look());
  writer.run("INSERT INTO t SELECT 1000 + a, randomblob(900) FROM t");
  const Look look = follower.look();
  EXPECT_EQ(look.commits, 1) << look.detail;
  EXPECT_TRUE(follower.is_whole());
}

TEST_F(WalFollowerFiles, ASymbolicLinkIsFollowedToTheFile) {
  const Path link = elsewhere / "link.db";
  std::filesystem::create_symlink(path, link);
  run_sql(path, kFollowedTable);
  OtherConnection writer(path);
  insert(writer, 1000);
  WalFollower follower(link);
  ASSERT_TRUE(follower.begin());
  insert(writer, 1001);
  EXPECT_EQ(follower.look(8u << 20).commits, 1);
  std::filesystem::remove(link);
  write_content(elsewhere / "other.db", file_content(path));
  std::filesystem::create_symlink(elsewhere / "other.db", link);
  expect_lost(follower.look(8u << 20), Loss::kReplaced);
}

}  // namespace
}  // namespace holdfast::sqlite
