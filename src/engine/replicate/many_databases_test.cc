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

// Notes what is listed and read, and how much is put.
class NotingStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void put(std::string_view name, ByteView content, storage::PutOptions put_options) override {
    {
      const std::lock_guard lock(mutex_);
      written[std::string(name.substr(0, name.find('/')))] += content.size();
    }
    StoreDecorator::put(name, content, put_options);
  }
  Bytes get(std::string_view name) override {
    note(name);
    return StoreDecorator::get(name);
  }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    note(name);
    StoreDecorator::get_range(name, offset, out);
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    {
      const std::lock_guard lock(mutex_);
      ++listed[std::string(prefix)];
    }
    StoreDecorator::list(prefix, visit);
  }

  // Since the last time.
  std::map<std::string, int> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(read, {});
  }

  std::map<std::string, int> read, listed;
  std::map<std::string, std::uint64_t> written;  // by folder

 private:
  void note(std::string_view name) {
    const std::lock_guard lock(mutex_);
    ++read[std::string(name)];
  }
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
    ASSERT_TRUE(replication.wait_until_following(kLongest));
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
  for (const auto& [name, times] : noting.read) {
    EXPECT_TRUE(times == 1 || !name.starts_with("index/")) << name;
  }
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

// As many as an active database has in a day. Any moment is restored from few objects all the same.
TEST_F(ManyDatabasesTest, AreRestoredFromFewObjectsAfterFiveHundredClosings) {
  writer->run("DELETE FROM record");
  writer->run(rows_sql(20000, 500));
  start();
  flush();
  const std::uint64_t first = noting.written["packs"];
  std::uint64_t changed = 0;
  for (int i = 0; i < 500; ++i) {
    // Fifty rows, here and there.
    commit("UPDATE record SET body = randomblob(500) WHERE (id * 7919 + " +
           std::to_string(i * 104729) + ") % 20011 % 401 = 0");
    if (i % 50 < 2) {
      flush();
    } else {
      replicator->flush(kLongest);
    }
    replicator->close_soon();
    settle(Duration(0));
  }
  for (const SnapshotId& id : repository::snapshot_ids(repository)) {
    changed += repository::find_snapshot(repository, timeline().series, id)
                   ->databases.front()
                   .pages_changed *
               4096;
  }
  EXPECT_GT(timeline().anchors.size(), 450u);
  EXPECT_EQ(replicator->state().continuity_repaired, 0u);
  for (const auto& [position, image] : images) {
    noting.take();
    EXPECT_TRUE(restored_at(position) == image) << repository::to_text(position);
    EXPECT_LE(noting.take().size(), 64u) << repository::to_text(position);
  }
  EXPECT_LE(objects("index/").size(), repository::kMostIndexObjects);
  // What lies scattered is stored again now and then, not each time.
  EXPECT_LT(noting.written["packs"] - first, 3 * changed);
}

}  // namespace
}  // namespace holdfast::engine
