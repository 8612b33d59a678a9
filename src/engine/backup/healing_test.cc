// What a backup does about a repository that has lost something.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "engine/test_protection.h"
#include "repository/index.h"
#include "repository/prune.h"
#include "repository/verify.h"

namespace holdfast::engine {
namespace {

using repository::pack_name;
using repository::Snapshot;

class HealingTest : public testing::Test {
 protected:
  HealingTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(3000, 900));
    take();
  }
  // Page 1 and one in the second group of 256 pages.
  void change_a_row() { at.sql("UPDATE record SET body = randomblob(900) WHERE id = 1500"); }
  void take() {
    const std::string image = image_of(at.database());
    taken.emplace_back(at.back_up().snapshot, image);
  }
  repository::VerifyReport verify(double percent = 100) {
    return repository::verify(at.repository, {.snapshots = {}, .read_data_percent = percent},
                              no_progress());
  }
  void expect_all_restored() {
    for (const auto& [snapshot, image] : taken) at.expect_restored(snapshot, image);
    const auto report = verify();
    EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
    EXPECT_EQ(report.databases_proved, taken.size());
  }
  void flip(const std::string& name, std::uint64_t offset) {
    Bytes content = at.memory.get(name);
    content.at(offset) ^= std::byte{1};
    at.memory.put(name, content, {.mode = storage::PutMode::kReplace});
  }
  repository::BlobLocation place_of(const BlobId& id) {
    return repository::load_index(at.repository).index.find(id).front();
  }

  // A backup after the root of the last snapshot's map was lost must restore, and have said so.
  void lose_map(const std::function<void(const repository::BlobLocation&)>& lose) {
    for (const bool cached : {true, false}) {
      SCOPED_TRACE(cached ? "with a cache" : "without a cache");
      lose(place_of(taken.back().first.databases.front().map));
      change_a_row();
      if (!cached) std::filesystem::remove_all(at.cache());
      const std::string image = image_of(at.database());
      const BackupResult result = at.back_up();
      EXPECT_TRUE(warned(result, "page map")) << "said nothing of the map";
      EXPECT_TRUE(warned(result, "holdfast verify"));
      at.store.repair();
      taken.emplace_back(result.snapshot, image);
      at.expect_restored(result.snapshot, image);
    }
  }
  static bool warned(const BackupResult& result, std::string_view of) {
    return std::ranges::any_of(result.warnings, [&](const std::string& warning) {
      return warning.find(of) != std::string::npos;
    });
  }

  Protection at;
  std::vector<std::pair<Snapshot, std::string>> taken;
};

TEST_F(HealingTest, StoresMissingPacksAgainUnderTheSameIds) {
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  EXPECT_FALSE(verify(0).ok());
  take();
  expect_all_restored();
}

TEST_F(HealingTest, DoesSoWithoutACacheToo) {
  std::filesystem::remove_all(at.cache());
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  take();
  expect_all_restored();
}

TEST_F(HealingTest, StoresARottenBlobAgainOnceVerifyHasFoundIt) {
  flip(at.objects("packs/").front(), 5000);
  EXPECT_FALSE(verify().ok());
  take();
  expect_all_restored();
}

TEST_F(HealingTest, HealsTheOlderSnapshotsToo) {
  const auto pack = at.objects("packs/").front();
  change_a_row();
  take();
  change_a_row();
  // The third group, which has not changed since the first snapshot.
  const auto loaded = repository::load_index(at.repository);
  const auto entries = loaded.index.pack(*repository::pack_of(pack)).value().entries;
  flip(pack, repository::kPackHeaderSize + entries[0].stored_size + entries[1].stored_size + 9);
  EXPECT_FALSE(verify().ok());
  for (const bool cached : {true, false}) {
    if (!cached) std::filesystem::remove_all(at.cache());
    take();
    expect_all_restored();
  }
  repository::prune(at.repository, {}, no_progress());
  expect_all_restored();
}

TEST_F(HealingTest, StoresALeafAgainThatItCouldNotRead) {
  const auto place = place_of(taken[0].first.databases.front().map);
  flip(repository::pack_name(place.pack), place.offset + 5);
  take();
  EXPECT_EQ(taken[0].first.databases.front().map, taken[1].first.databases.front().map);
  expect_all_restored();
  repository::prune(at.repository, {}, no_progress());
  expect_all_restored();
}

TEST_F(HealingTest, GoesOnWithoutTheMapWhoseObjectIsMissing) {
  lose_map([&](const repository::BlobLocation& place) { at.memory.remove(pack_name(place.pack)); });
}

TEST_F(HealingTest, GoesOnWithoutTheMapWhosePackIsTruncated) {
  lose_map([&](const repository::BlobLocation& place) {
    Bytes content = at.memory.get(pack_name(place.pack));
    content.resize(place.offset + 1);
    at.memory.put(pack_name(place.pack), content, {.mode = storage::PutMode::kReplace});
  });
}

TEST_F(HealingTest, GoesOnWithoutTheMapThatTheDiskCannotRead) {
  lose_map([&](const repository::BlobLocation& place) {
    at.store.inject({.verb = storage::Verb::kGetRange,
                     .prefix = pack_name(place.pack),
                     .code = ErrorCode::kIo});
  });
}

TEST_F(HealingTest, GoesOnWithoutANodeThatTheDiskCannotRead) {
  // More than one leaf, and so a node above them.
  at.sql("PRAGMA page_size=512; PRAGMA journal_mode=DELETE; VACUUM;" + rows_sql(2000, 900));
  take();
  ASSERT_GT(taken.back().first.databases.front().map_height, 0);
  lose_map([&](const repository::BlobLocation& place) {
    at.store.inject({.verb = storage::Verb::kGetRange,
                     .prefix = pack_name(place.pack),
                     .times = 1,
                     .code = ErrorCode::kIo});
  });
}

TEST_F(HealingTest, StopsWhereTheStoreAnswersNothingAtAll) {
  const auto before = at.objects("");
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kUnavailable}) {
    // Once the index is loaded.
    at.store.inject({.verb = storage::Verb::kGetRange, .code = code});
    at.store.inject({.verb = storage::Verb::kGet, .prefix = "config", .code = code});
    try {
      at.back_up();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.happened();
    }
    at.store.repair();
  }
  EXPECT_EQ(at.objects("snapshots/").size(), 1);
}

TEST_F(HealingTest, LosesOnlyTheSnapshotWhoseLeafIsGone) {
  change_a_row();
  take();
  const auto place = place_of(taken[1].first.databases.front().map);
  flip(repository::pack_name(place.pack), place.offset + 5);
  take();
  at.expect_restored(taken[0].first, taken[0].second);
  at.expect_restored(taken[2].first, taken[2].second);
  repository::remove_snapshot(at.repository, taken[1].first);
  taken.erase(taken.begin() + 1);
  repository::prune(at.repository, {}, no_progress());
  expect_all_restored();
}

TEST_F(HealingTest, GoesOnWithoutAnyIndex) {
  for (const std::string& index : at.objects("index/")) at.memory.remove(index);
  take();
  EXPECT_EQ(taken.back().first.databases.front().pages_changed, 0);
  expect_all_restored();
}

TEST_F(HealingTest, StoresChangedPagesAsTheyAreNow) {
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  at.sql("UPDATE record SET body = randomblob(900)");
  take();
  at.expect_restored(taken.back().first, taken.back().second);
  const auto report = verify();
  EXPECT_FALSE(report.ok());
  for (const auto& verdict : report.snapshots) {
    EXPECT_EQ(verdict.restorable, verdict.id == taken.back().first.id);
  }
}

}  // namespace
}  // namespace holdfast::engine
