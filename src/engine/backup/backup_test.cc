#include "engine/backup/backup.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>
#include <tuple>

#include "engine/test_protection.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;
using repository::Snapshot;

const DatabaseState& state_of(const BackupResult& result) {
  return result.snapshot.databases.front();
}

class BackupTest : public testing::Test {
 protected:
  void make_database(int rows = 300, const std::string& pragmas = "") {
    at.sql(pragmas + "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" +
           rows_sql(rows, 900));
  }
  void expect_no_snapshot() {
    EXPECT_TRUE(repository::list_snapshots(at.repository).snapshots.empty());
  }

  Protection at;
};

TEST_F(BackupTest, DescribesWhatItTook) {
  make_database(5, "PRAGMA journal_mode = WAL;");
  at.sql("CREATE INDEX by_body ON record (body); CREATE VIEW v AS SELECT 1;");
  BackupRequest request = at.request();
  request.tags = {"weekly", "daily", "daily"};
  const BackupResult result = at.back_up(request);
  const DatabaseState& state = state_of(result);
  EXPECT_TRUE(result.warnings.empty());
  EXPECT_EQ(result.snapshot.tags, (std::vector<std::string>{"daily", "weekly"}));
  EXPECT_TRUE(result.snapshot.name.starts_with("app_backup_")) << result.snapshot.name;
  EXPECT_EQ(state.source, at.database());
  EXPECT_EQ(state.journal_mode, "wal");
  EXPECT_EQ(state.damage, "");
  ASSERT_EQ(state.tables.size(), 1);
  EXPECT_EQ(state.tables.front().rows, 5);
  EXPECT_EQ(state.indexes, 1);
  EXPECT_EQ(state.views, 1);
  EXPECT_EQ(state.pages_changed, state.page_count);
  EXPECT_GT(state.bytes_stored, 5 * 900);
}

TEST_F(BackupTest, StoresNothingWhenNothingChanged) {
  make_database();
  const BackupResult first = at.back_up();
  const auto packs = at.objects("packs/");
  const BackupResult second = at.back_up();
  EXPECT_EQ(state_of(second).pages_changed, 0);
  EXPECT_EQ(state_of(second).bytes_stored, 0);
  EXPECT_EQ(state_of(second).map, state_of(first).map);
  EXPECT_EQ(state_of(second).checksum, state_of(first).checksum);
  EXPECT_EQ(at.objects("packs/"), packs);
}

TEST_F(BackupTest, StoresTheChangedPagesAlone) {
  make_database(3000);
  at.back_up();
  at.sql("UPDATE record SET body = randomblob(900) WHERE id IN (1, 1500, 2900)");
  const std::string image = image_of(at.database());
  const BackupResult result = at.back_up();
  EXPECT_LE(state_of(result).pages_changed, 8);
  EXPECT_LT(state_of(result).bytes_stored, 60'000);
  at.expect_restored(result.snapshot, image);
}

// Page size and journal mode.
class BackupGeometryTest : public testing::TestWithParam<std::tuple<int, std::string>> {
 protected:
  void expect_right_backup() {
    const std::string image = image_of(at.database());
    const BackupResult result = at.back_up();
    at.expect_restored(result.snapshot, image);
    taken.emplace_back(result.snapshot, image);
  }
  Protection at;
  std::vector<std::pair<Snapshot, std::string>> taken;
};

TEST_P(BackupGeometryTest, FollowsADatabaseThroughItsLife) {
  const auto& [page_size, journal_mode] = GetParam();
  at.sql(
      fmt::format("PRAGMA page_size = {}; PRAGMA auto_vacuum = INCREMENTAL;"
                  "PRAGMA journal_mode = {};"
                  "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);",
                  page_size, journal_mode));
  expect_right_backup();
  // More than a chunk of digests, and more than a group of pages.
  at.sql(rows_sql(page_size < 4096 ? 1200 : 3000, 1500));
  expect_right_backup();
  at.sql("UPDATE record SET body = randomblob(1500) WHERE id % 97 = 0");
  expect_right_backup();
  at.sql("DELETE FROM record WHERE id > 500; PRAGMA incremental_vacuum");
  expect_right_backup();
  at.sql(rows_sql(700, 300));
  expect_right_backup();
  at.sql("VACUUM");
  expect_right_backup();
  for (const auto& [snapshot, image] : taken) at.expect_restored(snapshot, image);
}

INSTANTIATE_TEST_SUITE_P(All, BackupGeometryTest,
                         testing::Combine(testing::Values(512, 1024, 2048, 4096, 8192, 16384, 32768,
                                                          65536),
                                          testing::Values("delete", "wal")));

TEST_F(BackupTest, BeginsAnewWhenThePageSizeIsAnotherOne) {
  make_database();
  at.back_up();
  at.sql("PRAGMA page_size = 8192; VACUUM");
  const std::string image = image_of(at.database());
  const BackupResult result = at.back_up();
  EXPECT_EQ(state_of(result).page_size, 8192);
  at.expect_restored(result.snapshot, image);
}

TEST_F(BackupTest, KeepsSeveralDatabasesInOneSnapshot) {
  make_database();
  const auto other = at.directory / "other.db";
  run_sql(other, "CREATE TABLE other (x); INSERT INTO other VALUES (zeroblob(50000))");
  BackupRequest request = at.request();
  request.databases.push_back({.name = "other", .path = other});
  const BackupResult result = at.back_up(request);
  ASSERT_EQ(result.snapshot.databases.size(), 2);
  EXPECT_TRUE(result.snapshot.name.starts_with("app+other_backup_"));
  at.expect_restored(result.snapshot, image_of(at.database()));
  EXPECT_TRUE(at.restored(result.snapshot, "other") == image_of(other));
  EXPECT_EQ(at.back_up(request).snapshot.databases[1].pages_changed, 0);
}

TEST_F(BackupTest, ComparesWithASnapshotThatHeldMoreDatabases) {
  make_database();
  const auto other = at.directory / "other.db";
  run_sql(other, "CREATE TABLE other (x)");
  BackupRequest both = at.request();
  both.databases.push_back({.name = "other", .path = other});
  at.back_up(both);
  EXPECT_EQ(state_of(at.back_up()).pages_changed, 0);
}

TEST_F(BackupTest, TwoAtOnceAreBothRight) {
  make_database(2000);
  const std::string image = image_of(at.database());
  std::vector<Snapshot> snapshots(2);
  {
    std::jthread other([&] { snapshots[0] = at.back_up().snapshot; });
    snapshots[1] = at.back_up().snapshot;
  }
  for (const Snapshot& snapshot : snapshots) at.expect_restored(snapshot, image);
}

TEST_F(BackupTest, RefusesWhatItCannotProtect) {
  BackupRequest request = at.request();
  const auto code = [&] { return code_of([&] { at.back_up(request); }); };
  EXPECT_EQ(code(), ErrorCode::kDatabaseMissing);
  sqlite::write_content(at.database(), "");
  EXPECT_EQ(code(), ErrorCode::kDatabaseEmpty);
  sqlite::write_content(at.database(), "These are the times that try men's souls.");
  EXPECT_EQ(code(), ErrorCode::kNotADatabase);
  request.databases.push_back(request.databases.front());
  EXPECT_EQ(code(), ErrorCode::kUsage);
  request.databases.clear();
  EXPECT_EQ(code(), ErrorCode::kUsage);
  expect_no_snapshot();
}

TEST_F(BackupTest, LeavesNoFilesBesideTheDatabase) {
  make_database(10, "PRAGMA journal_mode = WAL;");
  const auto before = sqlite::names_in(at.directory.path());
  BackupRequest request = at.request();
  request.cache_directory.clear();
  at.back_up(request);
  EXPECT_EQ(sqlite::names_in(at.directory.path()), before);
}

TEST_F(BackupTest, MarksADamagedDatabaseAndWarns) {
  make_database(3000);
  {
    // An interior page of the table becomes noise.
    std::fstream file(at.database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(4096, '\xee');
  }
  const std::string image = file_content(at.database());
  const BackupResult result = at.back_up();
  EXPECT_FALSE(state_of(result).damage.empty());
  ASSERT_FALSE(result.warnings.empty());
  EXPECT_NE(result.warnings.front().find("damage"), std::string::npos) << result.warnings.front();
  at.expect_restored(result.snapshot, image);
}

TEST_F(BackupTest, KeepsAFileThatSqliteCannotOpenAtAll) {
  make_database();
  {
    std::fstream file(at.database(), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(100, '\xee');
  }
  const std::string image = file_content(at.database());
  const BackupResult result = at.back_up();
  EXPECT_FALSE(state_of(result).damage.empty());
  EXPECT_FALSE(result.warnings.empty());
  at.expect_restored(result.snapshot, image);
}

// Copies another content over the database when that much of it was read for the first time.
class CopyOver final : public Progress {
 public:
  CopyOver(std::filesystem::path path, std::string content, std::uint64_t when)
      : path_(std::move(path)), content_(std::move(content)), left_(when) {}
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t units) override {
    const std::uint64_t before = left_.load();
    if (before == 0 || (left_ -= std::min(units, before)) > 0) return;
    sqlite::write_content(path_, content_);
  }
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}

 private:
  const std::filesystem::path path_;
  const std::string content_;
  std::atomic<std::uint64_t> left_;
};

TEST_F(BackupTest, TakesOneStateOfADatabaseThatIsCopiedOverMeanwhile) {
  for (const char* mode : {"DELETE", "WAL"}) {
    for (const bool longer : {false, true}) {
      const auto files = {"", "-wal", "-shm"};
      for (const char* suffix : files) std::filesystem::remove(at.database().string() + suffix);
      make_database(4000, fmt::format("PRAGMA journal_mode={};", mode));
      const std::string before = file_content(at.database());
      at.sql(longer ? rows_sql(300, 900) : "UPDATE record SET body = randomblob(900)");
      const std::string after = file_content(at.database());
      sqlite::write_content(at.database(), before);
      BackupRequest request = at.request();
      request.threads = 1;
      CopyOver progress(at.database(), after, before.size() / 2);
      const BackupResult result = back_up(at.repository, *at.files, request, progress);
      EXPECT_EQ(state_of(result).damage, "");
      at.expect_restored(result.snapshot, after);
    }
  }
}

TEST_F(BackupTest, TakesAFileThatNoSqliteOpensAsOneState) {
  const std::string before(2u << 20, 'a'), after(2u << 20, 'b');
  sqlite::write_content(at.database(), before);
  BackupRequest request = at.request();
  request.threads = 1;
  CopyOver progress(at.database(), after, 1u << 20);
  const BackupResult result = back_up(at.repository, *at.files, request, progress);
  EXPECT_NE(state_of(result).damage, "");
  at.expect_restored(result.snapshot, after);
}

// The store fails at the nth of its requests of that kind.
TEST_F(BackupTest, AcknowledgesNothingWhenTheStoreFails) {
  make_database();
  for (std::uint64_t skip = 0;; ++skip) {
    at.store.inject({.kind = storage::Fault::Kind::kFail,
                     .verb = storage::Verb::kPut,
                     .skip = skip,
                     .times = 1,
                     .code = ErrorCode::kDiskFull});
    bool failed = false;
    try {
      at.back_up();
    } catch (const Error& error) {
      failed = true;
      EXPECT_EQ(error.code(), ErrorCode::kDiskFull);
    }
    at.store.repair();
    if (!failed) break;
    ASSERT_LT(skip, 20);
    expect_no_snapshot();
  }
  EXPECT_EQ(repository::list_snapshots(at.repository).snapshots.size(), 1);
}

TEST_F(BackupTest, WithdrawsASnapshotWhosePutFailedAfterIt) {
  make_database();
  at.store.inject({.kind = storage::Fault::Kind::kFailAfter,
                   .verb = storage::Verb::kPut,
                   .prefix = "snapshots/"});
  EXPECT_EQ(code_of([&] { at.back_up(); }), ErrorCode::kUnavailable);
  expect_no_snapshot();
}

}  // namespace
}  // namespace holdfast::engine
