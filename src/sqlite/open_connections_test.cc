#include "sqlite/open_connections.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

#include "sqlite/connection.h"
#include "sqlite/test_log_follower.h"

namespace holdfast::sqlite {
namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

class OpenConnections : public testing::Test {
 protected:
  OpenConnections() { run_sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)"); }
  int descriptor() const { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }
  Connection connect() const { return {path, Access::kReadWrite, std::chrono::seconds(5)}; }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(OpenConnections, AreCountedOnceHoweverTheyAreMoved) {
  EXPECT_EQ(open_connections(), 0);
  {
    Connection first = connect();
    EXPECT_EQ(open_connections(), 1);
    Connection moved = std::move(first);
    EXPECT_EQ(open_connections(), 1);
    Connection second = connect();
    EXPECT_EQ(open_connections(), 2);
    second = std::move(moved);
    EXPECT_GE(open_connections(), 1);
  }
  EXPECT_EQ(open_connections(), 0);
  EXPECT_ANY_THROW(Connection(directory / "none", Access::kReadOnly, std::chrono::seconds(1)));
  EXPECT_EQ(open_connections(), 0);
}

TEST_F(OpenConnections, KeepADescriptorOpenUntilTheLastIsClosed) {
  const int waits = descriptor();
  {
    const Connection one = connect(), other = connect();
    close_when_unlocked(waits);
    EXPECT_EQ(waiting_descriptors(), 1);
    EXPECT_TRUE(is_open(waits));
  }
  EXPECT_EQ(waiting_descriptors(), 0);
  EXPECT_FALSE(is_open(waits));
  const int at_once = descriptor();
  close_when_unlocked(at_once);
  EXPECT_FALSE(is_open(at_once));
}

TEST_F(OpenConnections, KeepTheirLocksWhileAFollowerOpensAndClosesTheSameFiles) {
  const Connection reader = connect();
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES(1)");
  reader.execute("BEGIN; SELECT * FROM t");
  for (int i = 0; i < 3; ++i) {
    WalFollower follower(path);
    ASSERT_TRUE(follower.begin());
    follower.look(1 << 20);
    follower.rest();
  }
  writer.run("INSERT INTO t VALUES(2)");
  writer.run("PRAGMA busy_timeout=1");
  // Without the reader's lock the log would be reset under it.
  EXPECT_EQ(writer.run("PRAGMA wal_checkpoint(RESTART)").substr(0, 7), "ok [(1,");
  reader.execute("COMMIT");
  EXPECT_EQ(writer.run("PRAGMA wal_checkpoint(RESTART)").substr(0, 7), "ok [(0,");
}

TEST_F(OpenConnections, NeverLoseALockToAFollowerInAnotherThread) {
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES(1)");
  std::jthread following([&](const std::stop_token& stop) {
    WalFollower follower(path);
    while (!stop.stop_requested()) {
      follower.begin();
      follower.look(1 << 20);
      follower.rest();
    }
  });
  writer.run("PRAGMA busy_timeout=1");
  for (int i = 0; i < 50; ++i) {
    const Connection reader = connect();
    reader.execute("BEGIN; SELECT * FROM t");
    writer.run("INSERT INTO t VALUES(2)");
    EXPECT_EQ(writer.run("PRAGMA wal_checkpoint(RESTART)").substr(0, 7), "ok [(1,");
    reader.execute("COMMIT");
  }
  following.request_stop();
  following.join();
  EXPECT_EQ(waiting_descriptors(), 0);
}

}  // namespace
}  // namespace holdfast::sqlite
