#include "engine/replicate/replication.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/replicate/test_replica.h"
#include "storage/store_decorator.h"

namespace holdfast::engine {
namespace {

using std::chrono::seconds;

// Lets no segment pass while it is closed.
class GatedStore : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void put(std::string_view name, ByteView content, storage::PutOptions put_options) override {
    if (name.starts_with("timelines/")) {
      std::unique_lock lock(mutex_);
      waiting_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      waiting_ = false;
    }
    StoreDecorator::put(name, content, put_options);
  }
  void open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true, waiting_ = false;
};

class ReplicationTest : public testing::Test, public Replica {
 protected:
  Replication& run() {
    replication.emplace(repository, *files, ReplicationLimits{}, no_progress());
    return *replication;
  }
  std::optional<Replication> replication;
};

// Commits as fast as it can until told to stop, then says how many it made.
constexpr char kReplicatedWriter[] = R"py(
import sqlite3, sys, threading
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA wal_autocheckpoint=" + sys.argv[2])
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
count = 0
print("ready")
while not stop.is_set():
    count += 1
    db.execute("INSERT INTO record (body) VALUES (?)", ("commit %d" % count,))
print(count)
sys.stdin.readline()
)py";

TEST_F(ReplicationTest, FollowsAWriterAtFullSpeed) {
  for (const char* pages : {"1", "50", "1000", "100000"}) {
    SCOPED_TRACE(pages);
    std::atomic<std::uint64_t> durable{0};
    options.on_durable = [&](const repository::Position&, Time) { ++durable; };
    Replication& replicating = run();
    replicating.add(options);
    ASSERT_TRUE(replicating.wait_until_following(kLongest));
    sqlite::OtherProcess fast(kReplicatedWriter, {database().string(), pages});
    fast.receive();
    const std::uint64_t before = durable;
    // Forty segments, or as many as a slow machine makes in three seconds.
    const Duration until = repository.clock().elapsed() + Duration(seconds(3));
    while (durable < before + 40 && repository.clock().elapsed() < until) {
      repository.clock().wait(std::chrono::milliseconds(5), {});
    }
    fast.send("stop");
    fast.receive();
    const repository::Position position = replicating.flush(kName, kLongest);
    EXPECT_TRUE(restored_at(position) == image_of(database()));
    EXPECT_TRUE(replicating.finish());
    replication.reset();
  }
}

TEST_F(ReplicationTest, WakesByItselfAndShipsEachCommit) {
  std::mutex mutex;
  std::condition_variable changed;
  repository::Position newest;
  options.on_durable = [&](const repository::Position& position, Time) {
    const std::lock_guard lock(mutex);
    newest = position;
    changed.notify_all();
  };
  Replication& replicating = run();
  replicating.add(options);
  ASSERT_TRUE(replicating.wait_until_following(kLongest));
  for (std::uint64_t number = 2; number < 8; ++number) {
    update(static_cast<int>(number));
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, kLongest, [&] { return newest.number >= number; }));
    const repository::Position reached = newest;
    lock.unlock();
    images[reached] = image_of(database());
  }
  EXPECT_TRUE(replicating.finish());
  expect_every_image();
}

TEST_F(ReplicationTest, LosesNothingWhileTheStoreIsSlow) {
  GatedStore gated(memory);
  repository = repository::Repository::open(gated, env::system_clock(), std::nullopt);
  start();
  const repository::Position before = flush();
  gated.open(false);
  update(0);
  std::jthread shipping([this] {
    replicator->step(true);
    settle();
  });
  gated.wait_until_somebody_waits();
  // Three generations of the log come and go.
  for (int i = 1; i <= 30; ++i) {
    update(i);
    replicator->step(true);
    settle();
    if (i % 10 == 0) writer->run("PRAGMA wal_checkpoint(RESTART)");
  }
  gated.open(true);
  shipping.join();
  EXPECT_EQ(flush().number, before.number + 31);
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
  expect_every_image();
}

TEST_F(ReplicationTest, ShipsTheLastCommitWhenItFinishes) {
  Replication& replicating = run();
  replicating.add(options);
  ASSERT_TRUE(replicating.wait_until_following(kLongest));
  update(1);
  writer->run("PRAGMA wal_checkpoint(TRUNCATE)");
  update(2);
  EXPECT_TRUE(replicating.finish());
  const auto newest = repository::find_newest(timeline());
  ASSERT_TRUE(newest);
  EXPECT_TRUE(restored_at(newest->position) == image_of(database()));
}

TEST_F(ReplicationTest, FollowsManyDatabasesThatComeAndGo) {
  std::vector<std::filesystem::path> paths;
  Replication& replicating = run();
  for (int i = 0; i < 20; ++i) {
    const auto path = directory / ("tenant" + std::to_string(i) + ".db");
    run_sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    paths.push_back(path);
    ReplicationOptions tenant = options;
    tenant.database = {.name = path.stem(), .path = path};
    replicating.add(tenant);
  }
  ReplicationOptions again = options;
  again.database = {.name = "tenant3", .path = paths[3]};
  EXPECT_THROW(replicating.add(again), Error);
  ASSERT_TRUE(replicating.wait_until_following(kLongest));
  for (const auto& path : paths) run_sql(path, "INSERT INTO t VALUES (2)");
  replicating.remove("tenant7");
  EXPECT_EQ(replicating.states().size(), 19u);
  for (const auto& path : paths) {
    if (path.stem() != "tenant7") replicating.flush(path.stem().string(), kLongest);
  }
  EXPECT_TRUE(replicating.finish());
  for (const auto& path : paths) {
    const std::string series = repository::timeline_series(repository, path.stem().string());
    const auto newest = repository::find_newest(repository::load_timeline(repository, series));
    ASSERT_TRUE(newest);
    const PointInTime point = read_point(repository, *newest, path.stem().string());
    const std::filesystem::path copy = directory / "copy.db";
    std::filesystem::remove(copy);
    restore_point_copy(repository, env::posix_file_system(), point, copy, 1, no_progress());
    EXPECT_TRUE(file_content(copy) == image_of(path)) << path;
  }
}

}  // namespace
}  // namespace holdfast::engine
