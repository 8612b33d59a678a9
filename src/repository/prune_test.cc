#include "repository/prune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "repository/index.h"
#include "repository/intent.h"
#include "repository/reachable.h"
#include "repository/test_history.h"
#include "repository/verify.h"

namespace holdfast::repository {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::vector<SnapshotId> ids_of(const Repository& repository) {
  std::vector<SnapshotId> ids = snapshot_ids(repository);
  std::ranges::sort(ids);
  return ids;
}

// Nothing is left but what the snapshots need, and that restores.
void expect_tidy(const HistoryRepository& at) {
  const LoadedIndex loaded = load_index(at.repository);
  const BlobReader reader(at.repository, loaded.index);
  const Reachable reachable =
      find_reachable(reader, list_snapshots(at.repository).snapshots, no_progress());
  std::size_t entries = 0;
  for (const PackDescription& pack : loaded.index.packs()) {
    for (const BlobEntry& entry : pack.entries) {
      EXPECT_TRUE(reachable.blobs.contains(entry.id)) << "garbage in " << pack_name(pack.id);
    }
    entries += pack.entries.size();
  }
  EXPECT_EQ(reachable.missing, 0);
  EXPECT_EQ(entries, reachable.blobs.size()) << "a blob is kept twice";
  auto& store = at.repository.store();
  EXPECT_EQ(names_below(store, "packs/").size(), loaded.index.packs().size());
  EXPECT_EQ(names_below(store, "index/").size(), loaded.index.packs().empty() ? 0 : 1);
  EXPECT_TRUE(names_below(store, "condemned/").empty());
}

class PruneTest : public testing::Test {
 protected:
  PruneResult prune(const PruneRequest& request = {.max_waste = 0}) {
    return repository::prune(at.repository, request, no_progress());
  }
  Snapshot back_up(const Numbers& numbers) {
    Snapshot snapshot = repository::back_up(at.repository, numbers, ++snapshots_);
    expected[snapshot.id] = content_of(numbers);
    return snapshot;
  }
  void forget(const Snapshot& snapshot) {
    remove_snapshot(at.repository, snapshot);
    expected.erase(snapshot.id);
  }
  void expect_all_restored() {
    std::size_t found = 0;
    for (const Snapshot& snapshot : list_snapshots(at.repository).snapshots) {
      ASSERT_TRUE(expected.contains(snapshot.id));
      EXPECT_EQ(restored(at.repository, snapshot), expected[snapshot.id]);
      ++found;
    }
    EXPECT_EQ(found, expected.size());
  }

  HistoryRepository at;
  std::map<SnapshotId, Bytes> expected;

 private:
  std::uint64_t snapshots_ = 0;
};

TEST_F(PruneTest, RemovesNothingThatIsNeeded) {
  back_up(numbered(0, 40));
  back_up(numbered(20, 40));
  const auto before = names_below(at.store, "packs/");
  EXPECT_EQ(prune().packs_removed, 0);
  EXPECT_EQ(names_below(at.store, "packs/"), before);
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, FreesEverythingWhenNoSnapshotIsLeft) {
  forget(back_up(numbered(0, 40)));
  const PruneResult result = prune();
  EXPECT_EQ(result.packs_removed, 1);
  EXPECT_EQ(result.packs_kept, 0);
  EXPECT_EQ(result.index_objects_after, 0);
  EXPECT_TRUE(names_below(at.store, "packs/").empty());
  EXPECT_TRUE(names_below(at.store, "index/").empty());
}

TEST_F(PruneTest, RewritesWhatIsNeededOfAWastefulPack) {
  const Snapshot first = back_up(numbered(0, 40));
  Numbers changed = numbered(0, 40);
  for (std::size_t i = 0; i < 20; ++i) changed[i] += 1000;
  back_up(changed);
  forget(first);
  const PruneResult result = prune();
  EXPECT_EQ(result.packs_repacked, 1);
  EXPECT_GT(result.bytes_rewritten, 20 * kPageSize);
  expect_tidy(at);
  expect_all_restored();
  EXPECT_EQ(prune().packs_removed, 0) << "the second time there is nothing left to do";
}

TEST_F(PruneTest, ToleratesAsMuchWasteAsItIsTold) {
  const Snapshot first = back_up(numbered(0, 40));
  Numbers changed = numbered(0, 40);
  changed.front() = 1000;
  back_up(changed);
  forget(first);
  EXPECT_EQ(prune({.max_waste = 0.5}).packs_removed, 0);
  EXPECT_EQ(prune({.max_waste = 0.01}).packs_repacked, 1);
  expect_all_restored();
}

TEST_F(PruneTest, ChangesNothingInADryRunButSaysTheSame) {
  const Snapshot first = back_up(numbered(0, 40));
  Numbers changed = numbered(0, 40);
  for (std::size_t i = 0; i < 20; ++i) changed[i] += 1000;
  back_up(changed);
  forget(first);
  const auto before = names_below(at.store, "");
  const PruneResult planned = prune({.dry_run = true, .max_waste = 0});
  EXPECT_EQ(names_below(at.store, ""), before);
  const PruneResult done = prune();
  EXPECT_EQ(planned.packs_removed, done.packs_removed);
  EXPECT_EQ(planned.packs_repacked, done.packs_repacked);
  EXPECT_EQ(planned.bytes_freed, done.bytes_freed);
  EXPECT_EQ(planned.packs_kept, done.packs_kept);
}

TEST_F(PruneTest, MergesIndexObjects) {
  for (std::uint32_t i = 0; i < 5; ++i) back_up(numbered(100 * i, 8));
  const PruneResult result = prune();
  EXPECT_EQ(result.index_objects_before, 5);
  EXPECT_EQ(result.index_objects_after, 1);
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, FreesWhatAnInterruptedBackupLeft) {
  back_up(numbered(0, 8));
  {
    Writer writer(at.repository);
    add_database(writer, at.repository, numbered(100, 8), 99);
    writer.flush();
  }
  EXPECT_EQ(prune().packs_removed, 1);
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, GivesUpWhileABackupLivesAndGoesOnNextTime) {
  forget(back_up(numbered(0, 40)));
  {
    Writer writer(at.repository);
    EXPECT_EQ(prune({.max_waste = 0, .longest_wait = seconds(5)}).packs_removed, 0);
    EXPECT_EQ(names_below(at.store, "packs/").size(), 1);
    EXPECT_EQ(names_below(at.store, "condemned/").size(), 1);
    // It began before, and may rely on what is condemned.
    writer.commit(add_database(writer, at.repository, numbered(0, 40), 7));
    expected[snapshot_id(7)] = content_of(numbered(0, 40));
  }
  prune();
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, LetsNoNewBackupRelyOnWhatIsCondemned) {
  const Snapshot first = back_up(numbered(0, 40));
  forget(first);
  const auto old_packs = names_below(at.store, "packs/");
  {
    const Writer living(at.repository);
    prune({.max_waste = 0, .longest_wait = seconds(1)});
  }
  back_up(numbered(0, 40));
  EXPECT_EQ(names_below(at.store, "packs/").size(), 2) << "the condemned pack was relied on";
  prune();
  EXPECT_EQ(names_below(at.store, "packs/").size(), 1);
  EXPECT_NE(names_below(at.store, "packs/"), old_packs);
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, TakesAWriterWithoutHeartbeatForDead) {
  forget(back_up(numbered(0, 40)));
  Writer paused(at.repository);
  const Snapshot snapshot = add_database(paused, at.repository, numbered(0, 40), 7);
  at.clock.advance(minutes(11));
  EXPECT_EQ(prune().packs_removed, 1);
  expect_error(ErrorCode::kIntentLost, [&] { paused.commit(snapshot); });
  EXPECT_TRUE(ids_of(at.repository).empty()) << "the snapshot was not withdrawn";
}

TEST_F(PruneTest, LetsAPausedWriterCommitWhatIsStillThere) {
  back_up(numbered(0, 40));
  forget(back_up(numbered(100, 40)));
  Writer paused(at.repository);
  const Snapshot snapshot = add_database(paused, at.repository, numbered(0, 40), 7);
  at.clock.advance(minutes(11));
  EXPECT_EQ(prune().packs_removed, 1);
  paused.commit(snapshot);
  expected[snapshot.id] = content_of(numbered(0, 40));
  expect_all_restored();
}

TEST_F(PruneTest, RefusesWhileAnotherPruneRuns) {
  const Intent other(at.repository, IntentKind::kPrune);
  expect_error(ErrorCode::kPruneRunning, [&] { prune(); });
}

TEST_F(PruneTest, GetsPastOneThatDiedWithItsMachine) {
  forget(back_up(numbered(0, 40)));
  const Intent dead(at.repository, IntentKind::kPrune);
  at.clock.advance(minutes(11));
  EXPECT_EQ(prune().packs_removed, 1);
  EXPECT_FALSE(dead.still_there());
}

TEST_F(PruneTest, RefusesWhileASnapshotCannotBeRead) {
  const Snapshot broken = back_up(numbered(0, 40));
  forget(back_up(numbered(100, 40)));
  flip_bit(at.store, object_name(at.repository, broken), 40);
  const auto before = names_below(at.store, "packs/");
  expect_error(ErrorCode::kDamagedObject, [&] { prune(); });
  EXPECT_EQ(names_below(at.store, "packs/"), before);
}

TEST_F(PruneTest, RefusesWhileAMapCannotBeRead) {
  const Snapshot broken = back_up(numbered(0, 40));
  const auto place = load_index(at.repository).index.find(broken.databases.front().map).front();
  flip_bit(at.store, pack_name(place.pack), place.offset + 5);
  forget(back_up(numbered(100, 40)));
  const auto before = names_below(at.store, "packs/");
  expect_error(ErrorCode::kDamagedObject, [&] { prune(); });
  EXPECT_EQ(names_below(at.store, "packs/"), before);
}

TEST_F(PruneTest, RemovesADamagedIndexAndListsItsPacksAnew) {
  back_up(numbered(0, 40));
  flip_bit(at.store, names_below(at.store, "index/").front(), 30);
  prune();
  expect_tidy(at);
  expect_all_restored();
  EXPECT_TRUE(verify(at.repository, {}, no_progress()).ok());
}

TEST_F(PruneTest, RemovesATruncatedPackThatNobodyNeeds) {
  forget(back_up(numbered(100, 40)));
  const std::string name = names_below(at.store, "packs/").front();
  const Bytes content = at.store.get(name);
  at.store.put(name, ByteView(content).first(1000), {.mode = storage::PutMode::kReplace});
  back_up(numbered(0, 40));
  EXPECT_EQ(prune().packs_removed, 1);
  expect_tidy(at);
  expect_all_restored();
}

TEST_F(PruneTest, KeepsATruncatedPackWhileSomethingIsMissing) {
  back_up(numbered(0, 40));
  const std::string name = names_below(at.store, "packs/").front();
  back_up(numbered(100, 40));
  const Bytes content = at.store.get(name);
  at.store.put(name, ByteView(content).first(1000), {.mode = storage::PutMode::kReplace});
  expect_error(ErrorCode::kDamagedObject, [&] { prune(); });
  EXPECT_TRUE(at.store.stat(name).has_value());
}

TEST_F(PruneTest, GoesOnBesideAListOfCondemnedPacksThatCannotBeRead) {
  forget(back_up(numbered(0, 40)));
  put_condemned(at.repository, {random_pack_id()});
  flip_bit(at.store, names_below(at.store, "condemned/").front(), 20);
  back_up(numbered(100, 40));
  prune();
  expect_tidy(at);
  expect_all_restored();
}

}  // namespace
}  // namespace holdfast::repository
