// The log followed while other processes write, checkpoint, come, go and die as fast as they can.
#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <future>
#include <map>
#include <random>

#include "sqlite/test_log_follower.h"

namespace holdfast::sqlite {
namespace {

struct FollowedLoad {
  const char* name;
  const char* automatic_checkpoint;  // frames
  const char* words;
  int writers;
  bool witnessed = false, blind = false;  // to the times of the files
};

class WalFollowerUnderLoad : public testing::TestWithParam<FollowedLoad> {
 protected:
  WalFollowerUnderLoad() {
    run_sql(path,
            "PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=WAL;"
            "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX by_b ON t(b);");
    RecordProperty("seed", std::to_string(seed));
  }
  // Looks without a pause until the writer answers; a loss is repaired by a whole read.
  void follow_until_done(OtherProcess& writer, LogFollower& follower) {
    auto done = std::async(std::launch::async, [&] { return writer.receive(); });
    while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      count(follower.look(1u << 20), follower);
    }
    EXPECT_EQ(done.get(), "done");
  }
  void count(const Look& look, LogFollower& follower) {
    if (look.kind == Look::Kind::kCommits) {
      commits += look.commits;
      resets += look.old_tail_commits > 0 ? 1 : 0;
    } else if (look.kind == Look::Kind::kLost) {
      ++losses[std::string(loss_name(look.loss))];
      follower.begin();
    }
  }
  std::string summary() const {
    std::string text = fmt::format("{} commits, {} tails", commits, resets);
    for (const auto& [loss, times] : losses) text += fmt::format("; {} × {}", times, loss);
    return text;
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  const unsigned seed = std::random_device{}();
  std::uint64_t commits = 0, resets = 0;
  std::map<std::string, int> losses;
};

constexpr FollowedLoad kLoads[] = {
    {"CheckpointsAfterEachCommit", "1", "paced", 1},
    {"CheckpointsAfterEachCommitAtFullSpeed", "1", "", 1},
    {"CheckpointsAlmostNever", "100000", "", 1},
    {"CheckpointsOfAllKinds", "50", "checkpoint paced", 1},
    {"CheckpointsOfAllKindsByTwo", "20", "checkpoint", 2},
    {"LastCloses", "1000", "reopen paced", 1},
    {"Vacuums", "1000", "vacuum checkpoint", 1},
    {"CheckpointsAfterEachCommitWitnessed", "1", "paced", 1, true},
    {"CheckpointsOfAllKindsByTwoWitnessed", "20", "checkpoint", 2, true},
    {"LastClosesWitnessed", "1000", "reopen paced", 1, true},
    {"LastClosesWhoseTimesTellNothing", "1000", "reopen paced", 1, true, true},
    {"VacuumsWitnessed", "1000", "vacuum checkpoint", 1, true},
};
INSTANTIATE_TEST_SUITE_P(Of, WalFollowerUnderLoad, testing::ValuesIn(kLoads),
                         [](const auto& load) { return std::string(load.param.name); });

TEST_P(WalFollowerUnderLoad, HasTheSameImageAtEachQuietPoint) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const FollowedLoad& load = GetParam();
  std::vector<std::unique_ptr<OtherProcess>> writers;
  for (int i = 0; i < load.writers; ++i) {
    writers.push_back(std::make_unique<OtherProcess>(
        kFollowedWriter, std::vector<std::string>{path.string(), std::to_string(seed + i),
                                                  load.automatic_checkpoint}));
    ASSERT_EQ(writers.back()->receive(), "ready");
  }
  const auto watch = env::open_file_watch();
  const auto key = watch->add_file(path, {"-wal"}, {"-shm"});
  LogFollower follower(path);
  if (load.witnessed) follower.wal.set_witness([&] { return watch->events(key); });
  if (load.blind) follower.wal.distrust_times();
  for (auto& writer : writers) writer->send("1 plain");
  for (auto& writer : writers) ASSERT_EQ(writer->receive(), "done");
  ASSERT_TRUE(follower.begin());
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    for (auto& writer : writers) writer->send(fmt::format("60 {}", load.words));
    for (auto& writer : writers) follow_until_done(*writer, follower);
    Look look = follower.catch_up();
    if (look.kind == Look::Kind::kLost) count(look, follower);
    EXPECT_TRUE(follower.is_whole()) << summary();
    if (round % 3 == 2) follower.wal.rest();
  }
  fmt::print("{}\n", summary());
  if (std::string_view(load.words).ends_with("paced")) {
    EXPECT_GT(commits, 0);
  }
}

// Looks come at any time, and seldom; the index is made anew with every new writer.
class WalFollowerBesideKilledWriters : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Each, WalFollowerBesideKilledWriters, testing::Bool(),
                         [](const auto& witnessed) {
                           return witnessed.param ? "Witnessed" : "Unwitnessed";
                         });

TEST_P(WalFollowerBesideKilledWriters, IsRightOrKnowsThatItIsNot) {
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  run_sql(path, kFollowedTable);
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto watch = env::open_file_watch();
  const auto key = watch->add_file(path, {"-wal"}, {"-shm"});
  LogFollower follower(path);
  if (GetParam()) follower.wal.set_witness([&] { return watch->events(key); });
  {
    // Without a witness a log must be there from the first round on, also when its writer is killed
    // before it has done anything.
    OtherProcess first(kFollowedWriter, {path.string(), std::to_string(random()), "1000"});
    ASSERT_EQ(first.receive(), "ready");
    first.send("1 plain");
    ASSERT_EQ(first.receive(), "done");
    first.stop(SIGKILL);
  }
  int followed = 0, lost = 0;
  for (int round = 0; round < 40 && !testing::Test::HasFailure(); ++round) {
    const char* checkpoint = std::array{"5", "50", "1000"}[random() % 3];
    OtherProcess writer(kFollowedWriter, {path.string(), std::to_string(random()), checkpoint});
    ASSERT_EQ(writer.receive(), "ready");
    for (int part = 0; part < 4; ++part) {
      writer.send(fmt::format("{} {}", random() % 4, random() % 3 == 0 ? "checkpoint" : ""));
      if (random() % 2 == 0) follower.look();
      if (random() % 2 == 0) {
        ASSERT_EQ(writer.receive(), "done");
      }
      if (random() % 2 == 0) follower.look();
    }
    writer.stop(SIGKILL);
    if (random() % 2 == 0) continue;  // the next look is after the next writer's first one
    whole_image(path);                // somebody reads, and makes the index anew
    follower.catch_up();
    if (!follower.wal.is_following()) {
      ++lost;
      ASSERT_TRUE(follower.begin());
    } else {
      ++followed;
    }
    EXPECT_TRUE(follower.is_whole());
  }
  fmt::print("{} followed, {} lost\n", followed, lost);
}

}  // namespace
}  // namespace holdfast::sqlite
