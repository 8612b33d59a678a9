// Backups of a machine that cannot read: each must become exactly what the database was.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <variant>

#include "engine/test_protection.h"
#include "repository/adoption.h"
#include "repository/verify.h"
#include "storage/counting_store.h"

namespace holdfast::engine {
namespace {

constexpr codec::PassphraseCost kFast{.memory_bytes = 8u << 20, .passes = 1};

class SealedBackupTest : public testing::Test {
 protected:
  SealedBackupTest() {
    sql("PRAGMA journal_mode = WAL;"
        "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" +
        rows_sql(2000, 900));
  }

  std::filesystem::path database() const { return directory / "app.db"; }
  void sql(const std::string& text) const { run_sql(database(), text); }
  BackupRequest request() const {
    BackupRequest request;
    request.databases = {{.name = "app", .path = database()}};
    request.cache_directory = directory / "cache";
    request.threads = 2;
    return request;
  }
  // The database as it was, too.
  BackupResult send(const BackupRequest& request) {
    image = image_of(database());
    const repository::SealedSession session(store, env::system_clock(), repository.config(), key);
    return engine::back_up(session, env::posix_file_system(), request, no_progress());
  }
  BackupResult send() { return send(request()); }
  static std::uint64_t stored(const BackupResult& result) {
    return result.snapshot.databases.front().bytes_stored;
  }
  void expect_adopted(const SnapshotId& id) {
    const auto result = repository::adopt(repository, {}, no_progress());
    for (const auto& refused : result.refused) ADD_FAILURE() << refused.why;
    const auto all = repository::list_snapshots(repository).snapshots;
    const auto found = std::ranges::find(all, id, &repository::Snapshot::id);
    ASSERT_NE(found, all.end());
    const std::filesystem::path copy = directory / "copy.db";
    restore_copy(repository, env::posix_file_system(), found->databases.front(), copy, 2,
                 no_progress());
    EXPECT_TRUE(file_content(copy) == image);
    std::filesystem::remove(copy);
  }
  void damage_cache() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "cache")) {
      if (entry.path().extension() != ".digests") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
      file.put('x').put('y').put('z');
    }
  }

  env::TemporaryDirectory directory;
  storage::MemoryStore store;
  repository::Repository repository =
      repository::Repository::create(store, env::system_clock(), "secret", "tests", kFast)
          .repository;
  const repository::WriteKey key = [this] {
    repository::add_write_key(store, repository.config(), repository.keys().master, "web's", "web",
                              env::system_clock().now(), kFast);
    return std::get<repository::WriteKey>(
        repository::unlock_any(store, repository.config(), "web's"));
  }();
  std::string image;
};

TEST_F(SealedBackupTest, SendsOnlyWhatChanged) {
  const BackupResult whole = send();
  EXPECT_EQ(whole.snapshot.host, "web");
  expect_adopted(whole.snapshot.id);
  sql("UPDATE record SET body = randomblob(900) WHERE id = 1000");
  const BackupResult changed = send();
  EXPECT_LT(stored(changed), stored(whole) / 20);
  expect_adopted(changed.snapshot.id);
}

TEST_F(SealedBackupTest, FollowsWhateverHappensToADatabase) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int most) { return std::uniform_int_distribution<>(0, most)(random); };
  send();  // so that there is a cache to damage
  for (int round = 0; round < 25; ++round) {
    const int from = pick(2500);
    switch (pick(6)) {
      case 0:
        sql("VACUUM");
        break;
      case 1:
        sql(fmt::format("DELETE FROM record WHERE id > {}; VACUUM", 500 + from));
        break;
      case 2:
        sql("INSERT INTO record (body) SELECT randomblob(900) FROM record LIMIT 700");
        break;
      case 3:
        std::filesystem::remove_all(directory / "cache");
        break;
      case 4:
        damage_cache();
        break;
      default:
        sql(fmt::format("UPDATE record SET body = randomblob(900) WHERE id % 97 = {}", from % 97));
    }
    const BackupResult sent = send();
    if (pick(2) > 0) expect_adopted(sent.snapshot.id);
    if (HasFailure()) return;
  }
  expect_adopted(send().snapshot.id);
  EXPECT_TRUE(
      repository::verify(repository, {.snapshots = {}, .read_data_percent = 100}, no_progress())
          .ok());
}

TEST_F(SealedBackupTest, SendsEverythingWhereThePageSizeIsAnother) {
  expect_adopted(send().snapshot.id);
  sql("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM");
  const BackupResult sent = send();
  EXPECT_FALSE(sent.snapshot.databases.front().base.has_value());
  expect_adopted(sent.snapshot.id);
}

TEST_F(SealedBackupTest, SendsEverythingWithoutACache) {
  BackupRequest without = request();
  without.cache_directory.clear();
  const std::uint64_t whole = stored(send(without));
  const BackupResult again = send(without);
  EXPECT_EQ(stored(again), whole);
  expect_adopted(again.snapshot.id);
}

// All that its credentials must allow: puts, and listings of what became of its sessions.
TEST_F(SealedBackupTest, NothingIsReadOrRemoved) {
  storage::CountingStore counting(store);
  const repository::SealedSession session(counting, env::system_clock(), repository.config(), key);
  engine::back_up(session, env::posix_file_system(), request(), no_progress());
  using storage::Verb;
  for (const Verb verb : {Verb::kGet, Verb::kGetRange, Verb::kStat, Verb::kRemove}) {
    EXPECT_EQ(counting.count(verb).requests, 0u) << storage::verb_name(verb);
  }
  EXPECT_EQ(counting.count(Verb::kPut).requests, 4u);
}

}  // namespace
}  // namespace holdfast::engine
