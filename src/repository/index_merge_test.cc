#include "repository/index_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "repository/prune.h"
#include "repository/test_history.h"
#include "repository/verify.h"
#include "storage/fault_store.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// How many bytes were put below index/.
class IndexWrites final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    StoreDecorator::put(name, content, options);
    if (name.starts_with("index/")) bytes += content.size();
  }
  std::uint64_t bytes = 0;
};

class IndexMergeTest : public testing::Test {
 protected:
  std::vector<std::string> objects() { return names_below(at.store, "index/"); }
  Numbers numbers_of(std::uint32_t i) const { return numbered(100 * i, 4); }
  void make_snapshots(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint32_t>(snapshots.size());
      snapshots.push_back(back_up(repository, numbers_of(number), number + 1));
      most = std::max(most, objects().size());
    }
  }
  void expect_restored(std::size_t step = 1) {
    for (std::uint32_t i = 0; i < snapshots.size(); i += static_cast<std::uint32_t>(step)) {
      ASSERT_EQ(restored(repository, snapshots[i]), content_of(numbers_of(i))) << i;
    }
  }
  HistoryRepository at;
  IndexWrites writes{at.store};
  storage::FaultStore faults{writes, 1};
  Repository repository = Repository::open(faults, at.clock, std::nullopt);
  std::vector<Snapshot> snapshots;
  std::size_t most = 0;
};

TEST_F(IndexMergeTest, BoundsTheNumberOfObjectsOfManyWriters) {
  make_snapshots(500);
  EXPECT_LE(most, kMostIndexObjects);
  const LoadedIndex loaded = load_index(repository);
  EXPECT_EQ(loaded.index.packs().size(), 500);
  EXPECT_TRUE(loaded.unindexed.empty());
  expect_restored(7);
}

TEST_F(IndexMergeTest, WritesNoEntryMoreThanAFewTimes) {
  make_snapshots(500);
  std::uint64_t together = 0;
  for (const std::string& name : objects()) together += at.store.get(name).size();
  EXPECT_LT(writes.bytes, 6 * together);
}

TEST_F(IndexMergeTest, KeepsWhatIsWithdrawn) {
  make_snapshots(3);
  const BlobId blob = snapshots[0].databases.front().map;
  const PackId place = load_index(repository).index.find(blob).front().pack;
  put_index(repository, {.packs = {}, .withdrawn = {{place, blob}}});
  make_snapshots(40);
  EXPECT_LE(most, kMostIndexObjects);
  EXPECT_TRUE(load_index(repository).index.withdrawn().contains({place, blob}));
}

TEST_F(IndexMergeTest, KeepsLostPacksListed) {
  make_snapshots(3);
  at.store.remove(names_below(at.store, "packs/").front());
  make_snapshots(40);
  EXPECT_LE(most, kMostIndexObjects + 1);
  const LoadedIndex loaded = load_index(repository);
  EXPECT_EQ(loaded.lost_packs.size(), 1);
  EXPECT_EQ(loaded.index.packs().size(), 42);
}

TEST_F(IndexMergeTest, LeavesDamagedObjectsAlone) {
  make_snapshots(3);
  const std::string name = objects().front();
  flip_bit(at.store, name, 20);
  make_snapshots(40);
  EXPECT_LE(most, kMostIndexObjects + 1);
  EXPECT_EQ(load_index(repository).unreadable, std::vector<std::string>{name});
  expect_restored();
}

TEST_F(IndexMergeTest, LeavesObjectsAloneThatListWhatIsCondemned) {
  make_snapshots(3);
  const LoadedIndex loaded = load_index(repository);
  const std::string listing = loaded.objects.front().name;
  put_condemned(repository, {loaded.objects.front().content->pack_id(0)});
  make_snapshots(60);
  const auto names = objects();
  EXPECT_NE(std::ranges::find(names, listing), names.end());
  EXPECT_LE(most, kMostIndexObjects + 1);
  expect_restored();
}

TEST_F(IndexMergeTest, IsNotForAWriterThatWasTakenForDead) {
  make_snapshots(kMostIndexObjects);
  const std::size_t before = objects().size();
  Writer writer(repository);
  const Snapshot snapshot = add_database(writer, repository, numbers_of(900), 901);
  break_intent(repository, list_intents(repository).at(0));
  writer.commit(snapshot);
  EXPECT_EQ(objects().size(), before + 1);
  expect_restored();
}

TEST_F(IndexMergeTest, MayBeInterruptedBeforeTheOldObjectsAreRemoved) {
  make_snapshots(kMostIndexObjects);
  ASSERT_EQ(objects().size(), kMostIndexObjects);
  faults.inject({.verb = storage::Verb::kRemove, .prefix = "index/"});
  EXPECT_THROW(make_snapshots(1), Error);
  EXPECT_GT(objects().size(), kMostIndexObjects);
  faults.repair();
  expect_restored();
  make_snapshots(2);  // the first one finds everything in the repository, and puts no index
  EXPECT_LE(objects().size(), kMostIndexObjects);
  expect_restored();
}

TEST_F(IndexMergeTest, MisleadsNoReader) {
  make_snapshots(1);
  std::atomic<bool> ended = false;
  std::atomic<std::uint64_t> loads = 0;
  std::jthread reader([&] {
    const Repository own = Repository::open(at.store, at.clock, std::nullopt);
    while (!ended || loads == 0) {
      const std::vector<Snapshot> listed = list_snapshots(own).snapshots;
      const LoadedIndex loaded = load_index(own);
      EXPECT_TRUE(loaded.lost_packs.empty());
      for (const Snapshot& snapshot : listed) {
        EXPECT_TRUE(loaded.index.contains(snapshot.databases.front().map)) << snapshot.name;
      }
      EXPECT_EQ(restored(own, listed.front()).size(), 4 * kPageSize);
      ++loads;
    }
  });
  make_snapshots(300);
  ended = true;
  reader.join();
  expect_restored(11);
}

TEST_F(IndexMergeTest, LeavesNothingToAPruneButItsOwn) {
  make_snapshots(100);
  for (std::size_t i = 0; i < snapshots.size(); i += 2) remove_snapshot(repository, snapshots[i]);
  EXPECT_EQ(prune(repository, {}, no_progress()).packs_removed, 50);
  EXPECT_EQ(objects().size(), 1);
  const VerifyReport report =
      verify(repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
  EXPECT_TRUE(report.damage.empty());
}

}  // namespace
}  // namespace holdfast::repository
