// Applications that open and close the database for each request, so that there is no log between.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/replicate/replication.h"
#include "engine/replicate/test_replica.h"

namespace holdfast::engine {
namespace {

using std::chrono::seconds;

class PerRequestTest : public testing::Test, public Replica {
 protected:
  PerRequestTest() {
    writer.reset();
    options.shortest_between_scans = seconds(1);
    replication.add(options);
    EXPECT_TRUE(replication.wait_until_following(kLongest));
  }
  void flush() {
    const repository::Position position = replication.flush(kName, kLongest);
    images[position] = image_of(database());
  }

  Replication replication{repository, *files, ReplicationLimits{}, no_progress()};
};

TEST_F(PerRequestTest, IsFollowedFromLogToLog) {
  constexpr int kRequests = 20;
  for (int i = 0; i < kRequests; ++i) {
    writer.emplace(database());
    update(i);
    flush();
    writer->stop(0);
  }
  const FollowerState state = replication.states().front();
  EXPECT_GE(state.continuity_proved, kRequests * 3 / 4) << state.last_loss;
  EXPECT_LE(state.continuity_repaired, kRequests / 4) << state.last_loss;
  replication.finish();
  expect_every_image();
}

// The argument is the seed of the pauses.
constexpr char kRequests[] = R"py(
import random, sqlite3, sys, time
random.seed(sys.argv[2])
for i in range(200):
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
    db.execute("INSERT INTO record (body) VALUES (?)", ("request %d" % i,))
    db.close()
    time.sleep(random.uniform(0, 0.02))
print("done")
sys.stdin.readline()
)py";

// Some logs are gone before anybody can look at them: those are a scan each, at most.
TEST_F(PerRequestTest, IsReadOnlyWhereALogCameAndWentUnseen) {
  sqlite::OtherProcess application(kRequests, {database().string(), "1"});
  EXPECT_EQ(application.receive(), "done");
  flush();
  const FollowerState state = replication.states().front();
  fmt::print("{} looks found commits, {} scans repaired losses, position {}\n",
             state.continuity_proved, state.continuity_repaired, state.position.number);
  EXPECT_LE(state.continuity_repaired, 100u) << state.last_loss;
  EXPECT_GT(state.continuity_proved, 0u) << state.last_loss;
  replication.finish();
  expect_every_image();
}

}  // namespace
}  // namespace holdfast::engine
