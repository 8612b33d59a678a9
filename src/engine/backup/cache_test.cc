// The local page digests are a shortcut: whatever happens to them, the backup is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "engine/test_protection.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

class CacheTest : public testing::Test {
 protected:
  CacheTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(4000, 900));
    at.back_up();
    at.sql("UPDATE record SET body = randomblob(900) WHERE id = 2000");
  }
  std::filesystem::path table() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(at.cache())) {
      if (entry.path().extension() == ".digests") return entry.path();
    }
    ADD_FAILURE() << "there is no table";
    return {};
  }
  std::filesystem::path changes() const { return table() += ".changes"; }
  static std::string content_of(const std::filesystem::path& path) {
    const Bytes content = env::read_file(env::posix_file_system(), path);
    return std::string(as_text(content));
  }
  BackupResult expect_right_backup() { return expect_right_backup(at.request()); }
  BackupResult expect_right_backup(const BackupRequest& request) {
    const std::string image = image_of(at.database());
    BackupResult result = at.back_up(request);
    at.expect_restored(result.snapshot, image);
    return result;
  }
  static std::uint64_t pages_changed(const BackupResult& result) {
    return result.snapshot.databases.front().pages_changed;
  }

  Protection at;
};

TEST_F(CacheTest, IsMadeAgainWhenItWasLost) {
  std::filesystem::remove_all(at.cache());
  EXPECT_LE(pages_changed(expect_right_backup()), 5);
  EXPECT_TRUE(std::filesystem::exists(table()));
}

TEST_F(CacheTest, CostsSpaceAloneWhereItIsTorn) {
  {
    std::fstream file(table(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file << "torn";
  }
  const std::uint64_t changed = pages_changed(expect_right_backup());
  EXPECT_GE(changed, 1000) << "a chunk that cannot be read counts as changed";
  EXPECT_LT(changed, 1500);
  EXPECT_EQ(pages_changed(expect_right_backup()), 0);
}

TEST_F(CacheTest, MayEndAnywhere) {
  const std::uint64_t size = std::filesystem::file_size(table());
  for (const std::uint64_t left : {std::uint64_t{0}, std::uint64_t{50}, size / 2, size - 1}) {
    std::filesystem::resize_file(table(), std::min(left, std::filesystem::file_size(table())));
    expect_right_backup();
  }
}

TEST_F(CacheTest, OfAnOlderSnapshotIsStillRight) {
  const auto older = at.directory / "older";
  std::filesystem::copy_file(table(), older);
  at.back_up();
  at.sql("UPDATE record SET body = randomblob(900) WHERE id IN (1, 3999)");
  std::filesystem::copy_file(older, table(), std::filesystem::copy_options::overwrite_existing);
  EXPECT_LE(pages_changed(expect_right_backup()), 10);
}

TEST_F(CacheTest, OfAForgottenSnapshotIsNotBelieved) {
  const auto list = repository::list_snapshots(at.repository);
  repository::remove_snapshot(at.repository, list.snapshots.front());
  EXPECT_GT(pages_changed(expect_right_backup()), 1000);
}

TEST_F(CacheTest, OfAnotherDatabaseIsNotBelieved) {
  const auto other = at.directory / "other.db";
  run_sql(other, "CREATE TABLE other (x); INSERT INTO other VALUES (randomblob(5000000))");
  const auto own = table();
  BackupRequest request = at.request();
  request.databases = {{.name = "other", .path = other}};
  const auto before = sqlite::names_in(own.parent_path());
  at.back_up(request);
  for (const std::string& name : sqlite::names_in(own.parent_path())) {
    if (before.contains(name)) continue;
    std::filesystem::copy_file(own.parent_path() / name, own,
                               std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_LE(pages_changed(expect_right_backup()), 5);
}

TEST_F(CacheTest, IsNotNeeded) {
  BackupRequest request = at.request();
  request.cache_directory.clear();
  EXPECT_LE(pages_changed(expect_right_backup(request)), 5);
}

TEST_F(CacheTest, MayBeReadOnly) {
  env::FaultFileSystem files(env::posix_file_system());
  files.make_read_only(at.cache());
  at.files = &files;
  const BackupResult result = expect_right_backup();
  EXPECT_EQ(result.warnings.size(), 1);
  EXPECT_LE(pages_changed(result), 5);
}

TEST_F(CacheTest, MayBeOnAFullDisk) {
  for (const bool lost : {false, true}) {
    if (lost) std::filesystem::remove_all(at.cache());
    for (std::uint64_t skip = 0; skip < 8; ++skip) {
      env::FaultFileSystem files(env::posix_file_system());
      files.inject({.verb = env::FaultFileSystem::Verb::kWrite,
                    .error_number = ENOSPC,
                    .below = at.cache(),
                    .skip = skip});
      at.files = &files;
      at.sql("UPDATE record SET body = randomblob(900) WHERE id = 1");
      const BackupResult result = expect_right_backup();
      const bool told =
          skip == 0 || files.faults() > 0;  // at 0 there is no free space to begin with
      EXPECT_EQ(result.warnings.size(), told ? 1 : 0);
      EXPECT_LE(pages_changed(result), 10);
    }
  }
}

TEST_F(CacheTest, MayFailToBeRead) {
  env::FaultFileSystem files(env::posix_file_system());
  files.break_reading(at.cache());
  at.files = &files;
  EXPECT_LE(pages_changed(expect_right_backup()), 5);
}

TEST_F(CacheTest, LeavesNoTemporaryFiles) {
  at.back_up();
  EXPECT_EQ(sqlite::names_in(table().parent_path()),
            (std::set<std::string>{table().filename(), table().filename().string() + ".changes"}));
}

TEST_F(CacheTest, WritesOnlyWhatChanged) {
  const std::string whole = content_of(table());
  for (int round = 0; round < 3; ++round) {
    at.sql("UPDATE record SET body = randomblob(900) WHERE id % 1000 = 7");
    EXPECT_LE(pages_changed(expect_right_backup()), 8);
    EXPECT_EQ(content_of(table()), whole);
    EXPECT_LT(std::filesystem::file_size(changes()), 1000);
  }
}

TEST_F(CacheTest, GrowsWithoutBeingWrittenAnew) {
  const std::string whole = content_of(table());
  at.sql(rows_sql(4000, 900));
  expect_right_backup();
  EXPECT_EQ(content_of(table()), whole);
  EXPECT_EQ(pages_changed(expect_right_backup()), 0);
}

TEST_F(CacheTest, IsWrittenAnewWhenTooMuchOfItChanged) {
  at.sql(
      "CREATE TABLE more (id INTEGER PRIMARY KEY, body BLOB);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
      "INSERT INTO more SELECT i, zeroblob(16000) || randomblob(9) FROM n");
  at.back_up();
  EXPECT_FALSE(std::filesystem::exists(changes()));
  at.sql("UPDATE record SET body = randomblob(900) WHERE id = 2000");
  EXPECT_LE(pages_changed(expect_right_backup()), 5);
}

TEST_F(CacheTest, StandsForAnOlderSnapshotWithoutItsChanges) {
  at.back_up();
  at.sql("UPDATE record SET body = randomblob(900) WHERE id = 3000");
  std::filesystem::remove(changes());
  EXPECT_LE(pages_changed(expect_right_backup()), 10);
  at.sql("UPDATE record SET body = randomblob(900) WHERE id = 3001");
  std::ofstream(changes(), std::ios::trunc) << "torn";
  EXPECT_LE(pages_changed(expect_right_backup()), 10);
}

TEST_F(CacheTest, DoesNotBelieveTheChangesOfAnotherTable) {
  at.back_up();
  const auto kept = at.directory / "kept";
  std::filesystem::copy_file(changes(), kept);
  std::filesystem::remove_all(at.cache());
  at.back_up();  // made again, with an id of its own
  at.sql("UPDATE record SET body = randomblob(900) WHERE id = 3001");
  std::filesystem::copy_file(kept, changes(), std::filesystem::copy_options::overwrite_existing);
  EXPECT_LE(pages_changed(expect_right_backup()), 5);
}

}  // namespace
}  // namespace holdfast::engine
