// What many databases, and many closings of one, ask of the repository.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "engine/replicate/replication.h"
#include "engine/replicate/test_replica.h"
#include "repository/index_merge.h"
#include "storage/store_decorator.h"

namespace holdfast::engine {
namespace {

using std::chrono::seconds;

// Notes what is listed, and what is read below index/ and how often.
class NotingStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  Bytes get(std::string_view name) override {
    if (name.starts_with("index/")) {
      const std::lock_guard lock(mutex_);
      ++read[std::string(name)];
    }
    return StoreDecorator::get(name);
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    {
      const std::lock_guard lock(mutex_);
      ++listed[std::string(prefix)];
    }
    StoreDecorator::list(prefix, visit);
  }

  std::map<std::string, int> read, listed;

 private:
  std::mutex mutex_;
};

class ManyDatabasesTest : public testing::Test, public Replica {
 protected:
  ManyDatabasesTest() {
    repository = repository::Repository::open(noting, env::system_clock(), std::nullopt);
  }
  std::filesystem::path tenant(int number) const {
    return directory / ("tenant" + std::to_string(number) + ".db");
  }
  void make_tenant(int number) {
    run_sql(tenant(number), "PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (" +
                                std::to_string(number) + ")");
  }
  // Followed from their first scans on, and then given up.
  void follow_tenants(int count) {
    Replication replication(repository, *files, ReplicationLimits{}, no_progress());
    for (int i = 0; i < count; ++i) {
      ReplicationOptions one = options;
      one.database = {.name = tenant(i).stem(), .path = tenant(i)};
      replication.add(one);
    }
    ASSERT_TRUE(replication.wait_until_following(seconds(60)));
    for (int i = 0; i < count; ++i) {
      snapshots.push_back(*repository::find_snapshot(
          repository, repository::timeline_series(repository, tenant(i).stem().string()),
          replication.states()[static_cast<std::size_t>(i)].snapshot));
    }
    EXPECT_TRUE(replication.finish());
  }

  NotingStore noting{memory};
  std::vector<repository::Snapshot> snapshots;
};

TEST_F(ManyDatabasesTest, AreReadForTheFirstTimeWithoutLookingAtEachOther) {
  constexpr int kTenants = 9;
  for (int i = 0; i < kTenants; ++i) make_tenant(i);
  follow_tenants(kTenants);
  EXPECT_LE(noting.listed["snapshots/"], 1);
  for (const auto& [name, times] : noting.read) EXPECT_EQ(times, 1) << name;
}

TEST_F(ManyDatabasesTest, FindWhatASnapshotOfSeveralHolds) {
  for (int i = 0; i < 3; ++i) make_tenant(i);
  BackupRequest both = request();
  both.databases.clear();
  for (int i = 0; i < 2; ++i) {
    both.databases.push_back({.name = tenant(i).stem(), .path = tenant(i)});
  }
  both.cache_directory.clear();
  back_up(both);
  follow_tenants(3);
  EXPECT_EQ(snapshots[0].databases.front().pages_changed, 0u);
  EXPECT_EQ(snapshots[1].databases.front().pages_changed, 0u);
  EXPECT_GT(snapshots[2].databases.front().pages_changed, 0u);
}

// As many as an active database has in a day.
TEST_F(ManyDatabasesTest, HaveFewIndexObjectsAfterFiveHundredClosings) {
  start();
  flush();
  std::size_t most = 0;
  for (int i = 0; i < 500; ++i) {
    update(i);
    if (i % 50 == 0) {
      flush();
    } else {
      replicator->flush(kLongest);
    }
    replicator->close_soon();
    settle(Duration(0));
    most = std::max(most, objects("index/").size());
  }
  EXPECT_GT(timeline().anchors.size(), 400u);
  EXPECT_LE(most, repository::kMostIndexObjects);
  noting.read.clear();
  expect_every_image();
  for (const auto& [name, times] : noting.read) EXPECT_EQ(times, images.size()) << name;
  EXPECT_LE(noting.read.size(), repository::kMostIndexObjects);
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
}

}  // namespace
}  // namespace holdfast::engine
