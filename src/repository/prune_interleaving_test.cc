// Backups and prunes at once, and in every order that a seed gives.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "repository/index_merge.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "repository/test_turns.h"
#include "repository/verify.h"

namespace holdfast::repository {
namespace {

using std::chrono::seconds;

std::uint64_t base_seed() {
  if (const char* given = std::getenv("HOLDFAST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

// What several actors do to one repository, and what must be true afterwards.
class Stage {
 public:
  explicit Stage(std::uint64_t seed) : turns_(seed), random_(seed) {
    // Snapshots that share pages, and garbage of those that were forgotten.
    for (std::uint32_t i = 0; i < 4; ++i) {
      const Numbers numbers = draw_numbers();
      const Snapshot snapshot = back_up(at_.repository, numbers, ++snapshots_);
      if (i % 2 == 0) {
        remove_snapshot(at_.repository, snapshot);
      } else {
        acknowledged_[snapshot.id] = content_of(numbers);
      }
    }
    if (seed % 2 == 0) crowd_index();
  }

  void add_backup() {
    const Numbers numbers = draw_numbers();
    const std::uint64_t id = ++snapshots_;
    add_actor([this, numbers, id](const Repository& repository) {
      try {
        const Snapshot snapshot = back_up(repository, numbers, id);
        const std::scoped_lock lock(mutex_);
        acknowledged_[snapshot.id] = content_of(numbers);
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kIntentLost) << error.happened();
      }
    });
  }
  // `timeout` is how long a writer may be silent before it is taken for dead; here time stands
  // still while nobody waits, so -1 means at once.
  void add_prune(seconds timeout) {
    add_actor([timeout](const Repository& repository) {
      try {
        prune(repository, {.max_waste = 0, .longest_wait = seconds(3), .intent_timeout = timeout},
              no_progress());
      } catch (const Error& error) {
        const bool known =
            error.code() == ErrorCode::kPruneRunning || error.code() == ErrorCode::kIntentLost;
        EXPECT_TRUE(known) << error.happened();
      }
    });
  }

  void play() {
    for (const auto& store : stores_) store->begin();
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      threads.emplace_back([this, i] {
        actors_[i](*repositories_[i]);
        stores_[i]->leave();
      });
    }
    threads.clear();
    expect_sound();
    prune(at_.repository, {.max_waste = 0, .intent_timeout = seconds(-1)}, no_progress());
    expect_sound();
  }

 private:
  Numbers draw_numbers() {
    Numbers numbers;
    for (int blob = 0; blob < 6; ++blob) {
      const Numbers part = numbered(static_cast<std::uint32_t>(random_() % 12) * 100, kBlobPages);
      numbers.insert(numbers.end(), part.begin(), part.end());
    }
    return numbers;
  }
  // So many objects that every backup merges some.
  void crowd_index() {
    for (const IndexObject& object : load_index(at_.repository).objects) {
      for (std::size_t i = 0; i < kMostIndexObjects / 4; ++i) {
        put_index(at_.repository, object.content->content());
      }
    }
  }
  void add_actor(std::function<void(const Repository&)> action) {
    stores_.push_back(std::make_unique<TurnStore>(at_.store, turns_));
    repositories_.push_back(
        std::make_unique<Repository>(Repository::open(*stores_.back(), at_.clock, std::nullopt)));
    actors_.push_back(std::move(action));
  }
  void expect_sound() {
    std::map<SnapshotId, Bytes> found;
    for (const Snapshot& snapshot : list_snapshots(at_.repository).snapshots) {
      try {
        found[snapshot.id] = restored(at_.repository, snapshot);
      } catch (const Error& error) {
        ADD_FAILURE() << snapshot.name << ": " << error.happened();
      }
    }
    for (const auto& [id, content] : acknowledged_) {
      EXPECT_TRUE(found.contains(id) && found[id] == content) << id.hex() << " is lost";
    }
    const VerifyReport report = verify(
        at_.repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
    for (const Damage& damage : report.damage) {
      ADD_FAILURE() << damage.object << ": " << damage.problem;
    }
  }

  HistoryRepository at_;
  Turns turns_;
  std::mt19937_64 random_;
  std::uint64_t snapshots_ = 0;
  std::vector<std::unique_ptr<TurnStore>> stores_;
  std::vector<std::unique_ptr<Repository>> repositories_;
  std::vector<std::function<void(const Repository&)>> actors_;
  std::mutex mutex_;
  std::map<SnapshotId, Bytes> acknowledged_;
};

void play_many(const std::function<void(Stage&)>& cast) {
  const std::uint64_t base = base_seed();
  for (std::uint64_t seed = base; seed < base + 150 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "HOLDFAST_SEED=" << seed);
    Stage stage(seed);
    cast(stage);
    stage.play();
  }
}

TEST(PruneInterleaving, ABackupOutlivesAPruneThatWaitsForIt) {
  play_many([](Stage& stage) {
    stage.add_backup();
    stage.add_prune(seconds(600));
  });
}

TEST(PruneInterleaving, ABackupTakenForDeadKeepsItsWordOrWithdraws) {
  play_many([](Stage& stage) {
    stage.add_backup();
    stage.add_prune(seconds(-1));
  });
}

TEST(PruneInterleaving, TwoBackupsAndTwoPrunesLoseNothing) {
  play_many([](Stage& stage) {
    stage.add_backup();
    stage.add_backup();
    stage.add_prune(seconds(600));
    stage.add_prune(seconds(600));
  });
}

TEST(PruneInterleaving, TwoBackupsTakenForDeadByTwoPrunesLoseNothing) {
  play_many([](Stage& stage) {
    stage.add_backup();
    stage.add_backup();
    stage.add_prune(seconds(-1));
    stage.add_prune(seconds(600));
  });
}

}  // namespace
}  // namespace holdfast::repository
