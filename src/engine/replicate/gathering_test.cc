#include "engine/replicate/gathering.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/replicate/test_replica.h"

namespace holdfast::engine {
namespace {

// A base whose packs hold so many pages of 4 KiB; pack number n has the id n.
BaseState base_with(const std::vector<std::uint64_t>& pages) {
  BaseState base;
  base.state.page_size = 4096;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    PackId id;
    id.bytes[0] = static_cast<std::byte>(i >> 8);
    id.bytes[1] = static_cast<std::byte>(i);
    base.pages_in[id] = pages[i];
  }
  return base;
}

std::uint64_t pages_of(const std::unordered_set<PackId>& packs, const BaseState& base) {
  std::uint64_t pages = 0;
  for (const PackId& pack : packs) pages += base.pages_in.at(pack);
  return pages;
}

TEST(PacksToGather, AreNoneWhileThereAreFew) {
  EXPECT_TRUE(packs_to_gather(base_with(std::vector<std::uint64_t>(kMostSmallPacks, 1))).empty());
  EXPECT_FALSE(
      packs_to_gather(base_with(std::vector<std::uint64_t>(kMostSmallPacks + 1, 1))).empty());
}

TEST(PacksToGather, AreNeverLarge) {
  const std::vector<std::uint64_t> pages(1000, kSmallPackBytes / 4096);
  EXPECT_TRUE(packs_to_gather(base_with(pages)).empty());
}

TEST(PacksToGather, LeaveWhatWasGatheredBeforeAlone) {
  std::vector<std::uint64_t> pages(kMostSmallPacks - kLargestLeft + 1, 2);
  pages.insert(pages.end(), kLargestLeft, 500);
  const BaseState base = base_with(pages);
  const auto chosen = packs_to_gather(base);
  EXPECT_EQ(chosen.size(), pages.size() - kLargestLeft);
  EXPECT_EQ(pages_of(chosen, base), 2 * chosen.size());
}

TEST(PacksToGather, AreNoMoreThanOneClosingShouldRead) {
  const BaseState base = base_with(std::vector<std::uint64_t>(500, kSmallPackBytes / 4096 - 1));
  const auto chosen = packs_to_gather(base);
  EXPECT_GT(chosen.size(), 10u);
  EXPECT_LE(pages_of(chosen, base) * 4096, kMostGathered);
}

class GatheringTest : public testing::Test, public Replica {
 protected:
  void close_often(int from, int until) {
    for (int i = from; i < until; ++i) {
      commit("UPDATE record SET body = randomblob(500) WHERE id = " +
             std::to_string(7 * i % 300 + 1));
      replicator->flush(kLongest);
      replicator->close_soon();
      settle(Duration(0));
    }
  }
  repository::DatabaseState newest() {
    const SnapshotId id = replicator->state().snapshot;
    return repository::find_snapshot(repository, timeline().series, id)->databases.front();
  }
};

TEST_F(GatheringTest, IsNoChangeOfTheDatabase) {
  start();
  flush();
  close_often(0, 60);
  flush();
  expect_every_image();
  for (const SnapshotId& id : repository::snapshot_ids(repository)) {
    const auto snapshot = repository::find_snapshot(repository, timeline().series, id);
    EXPECT_LE(snapshot->databases.front().pages_changed,
              std::max<std::uint64_t>(3, snapshot->databases.front().bytes_read / 4096));
  }
}

TEST_F(GatheringTest, LeavesWhatIsDamagedWhereItIs) {
  start();
  flush();
  const auto before = objects("packs/");
  close_often(0, 1);
  std::string damaged;
  for (const std::string& name : objects("packs/")) {
    if (std::ranges::find(before, name) == before.end()) damaged = name;
  }
  Bytes content = memory.get(damaged);
  content[20] ^= std::byte{1};  // in the box of its pages
  memory.put(damaged, content, {.mode = storage::PutMode::kReplace});
  const std::size_t anchors = timeline().anchors.size();
  close_often(1, 60);
  EXPECT_EQ(timeline().anchors.size(), anchors + 59);
  EXPECT_EQ(replicator->state().last_error, "");
  EXPECT_EQ(newest().bytes_read, 0u) << "the database was read again";
}

}  // namespace
}  // namespace holdfast::engine
