#include "service/local_state.h"

#include <gmock/gmock.h>

#include "service/test_world.h"

namespace holdfast::service {
namespace {

using testing::ElementsAre;

class LocalStateFile : public TestWorld {
 protected:
  LocalState state() {
    LocalState state;
    state.follower.database = "app";
    state.follower.phase = engine::Phase::kDetached;
    state.follower.position = {.branch = 3, .number = 1045};
    state.follower.oldest_waiting = parse_rfc3339("2026-11-21T03:24:15.123456Z");
    state.follower.backlog_bytes = 77;
    state.follower.last_error = "the store is away";
    state.process = env::this_process();
    state.findings = {"page 3 is never used"};
    return state;
  }
  const env::Path path = folder / "cache/state/app.json";
};

TEST_F(LocalStateFile, IsReadAsItWasWritten) {
  write_state(world.files, path, state());
  const auto read = read_state(world.files, path);
  ASSERT_TRUE(read);
  EXPECT_EQ(engine::Phase::kDetached, read->follower.phase);
  EXPECT_EQ((repository::Position{3, 1045}), read->follower.position);
  EXPECT_EQ(state().follower.oldest_waiting, read->follower.oldest_waiting);
  EXPECT_FALSE(read->follower.durable_commit);
  EXPECT_EQ(77u, read->follower.backlog_bytes);
  EXPECT_THAT(read->findings, ElementsAre("page 3 is never used"));
}

TEST_F(LocalStateFile, IsBelievedWhileItsProcessLives) {
  LocalState one = state();
  EXPECT_TRUE(is_certainly_alive(one.process));
  one.process.start_ticks += 1;  // the number was given to another process since
  EXPECT_FALSE(is_certainly_alive(one.process));
  one.process = env::this_process();
  one.process.host += "-elsewhere";
  EXPECT_FALSE(is_certainly_alive(one.process));
}

TEST_F(LocalStateFile, TellsThatAllIsSeenOnceItsFollowerHasLookedSince) {
  const Time changed = world.clock.now(), later = changed + 3 * kBetweenStates;
  LocalState one = state();
  one.follower.phase = engine::Phase::kFollowing;
  one.follower.oldest_waiting.reset();
  const repository::Position position = one.follower.position;
  EXPECT_TRUE(has_seen_all(one, position, changed, later));
  EXPECT_FALSE(has_seen_all(one, position, changed, changed + kBetweenStates));
  EXPECT_FALSE(has_seen_all(one, {3, 1044}, changed, later));
  one.follower.oldest_waiting = changed;
  EXPECT_FALSE(has_seen_all(one, position, changed, later));
  one.follower.oldest_waiting.reset();
  one.follower.phase = engine::Phase::kScanning;
  EXPECT_FALSE(has_seen_all(one, position, changed, later));
  one.follower.phase = engine::Phase::kFollowing;
  one.process.start_ticks += 1;
  EXPECT_FALSE(has_seen_all(one, position, changed, later));
}

TEST_F(LocalStateFile, ThatIsNoneTellsNothing) {
  EXPECT_FALSE(read_state(world.files, path));
  file("cache/state/app.json", "{\"format\": 1}");
  EXPECT_FALSE(read_state(world.files, path));
  file("cache/state/app.json", "not JSON");
  EXPECT_FALSE(read_state(world.files, path));
}

}  // namespace
}  // namespace holdfast::service
