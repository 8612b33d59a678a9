#include "engine/restore/file_restore.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/records/test_records.h"
#include "engine/test_protection.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

class FileRestoreTest : public testing::Test {
 protected:
  FileRestoreTest() {
    std::filesystem::create_directories(target().parent_path());
    run_sql(target(), std::string(kTestSchema) +
                          "INSERT INTO videos (video_id, title) VALUES "
                          "('mine', 'M'), ('gone', 'G')");
    run_sql(file(), std::string(kTestSchema) +
                        "INSERT INTO videos (video_id, title) VALUES ('a', 'A'), ('gone', 'G');"
                        "INSERT INTO tags VALUES ('gone', 't');"
                        "CREATE TABLE record (body BLOB);" +
                        rows_sql(400, 900));
    before = file_content(target());
  }
  std::filesystem::path target() const { return at.directory / "place" / "app.db"; }
  std::filesystem::path file() const { return at.directory / "old.db"; }
  FileRestoreRequest request() {
    FileRestoreRequest wanted;
    wanted.file = file();
    wanted.restore.database = Protection::kName;
    wanted.restore.target = target();
    wanted.restore.threads = 2;
    wanted.restore.busy_timeout = std::chrono::milliseconds(50);
    wanted.collections = collections;
    return wanted;
  }
  RestoreResult restore(const FileRestoreRequest& wanted) {
    return restore_file(at.repository, *at.files, wanted, no_progress());
  }
  std::string ids() { return run_sql(target(), "SELECT group_concat(video_id) FROM videos"); }
  void expect_untouched() {
    EXPECT_TRUE(file_content(target()) == before);
    EXPECT_EQ(sqlite::names_in(target().parent_path()), std::set<std::string>{"app.db"});
  }

  Protection at;
  std::vector<Collection> collections = test_collections();
  std::string before;
};

TEST_F(FileRestoreTest, PutsTheFileInPlaceAndSavesWhatWasThere) {
  const RestoreResult result = restore(request());
  EXPECT_TRUE(file_content(target()) == file_content(file()));
  EXPECT_EQ(std::filesystem::file_size(file()), result.bytes);
  EXPECT_EQ(64u, result.checksum.size());
  ASSERT_TRUE(result.safety_snapshot.has_value());
  EXPECT_EQ(result.safety_snapshot->tags, std::vector<std::string>{"before-restore"});
  EXPECT_TRUE(at.restored(*result.safety_snapshot) == before);
}

TEST_F(FileRestoreTest, TakesWhatIsInTheLogBesideTheFile) {
  run_sql(file(), "PRAGMA journal_mode = WAL");
  sqlite::OtherConnection other(file());
  other.run("INSERT INTO videos (video_id, title) VALUES ('log', 'L')");
  restore(request());
  EXPECT_EQ("a,gone,log", ids());
  EXPECT_EQ("ok", run_sql(target(), "PRAGMA integrity_check"));
}

TEST_F(FileRestoreTest, ADamagedFileIsRefused) {
  std::string content = file_content(file());
  content.replace(content.size() / 2 / 4096 * 4096, 4096, 4096, 'x');
  sqlite::write_content(file(), content);
  EXPECT_EQ(ErrorCode::kVerificationFailed, code_of([&] { restore(request()); }));
  expect_untouched();
}

TEST_F(FileRestoreTest, ADatabaseWithoutATableIsRefused) {
  std::filesystem::remove(file());
  run_sql(file(), "PRAGMA user_version = 5");
  EXPECT_EQ(ErrorCode::kVerificationFailed, code_of([&] { restore(request()); }));
  expect_untouched();
}

TEST_F(FileRestoreTest, WhatWasDeletedStaysDeleted) {
  Write deleted = delete_of("videos", "gone"), never = delete_of("videos", "never there");
  deleted.acknowledged = never.acknowledged = true;
  const std::vector<Write> writes = {deleted, never};
  FileRestoreRequest wanted = request();
  wanted.deleted = writes;
  EXPECT_EQ(1u, restore(wanted).deleted_rows);
  EXPECT_EQ("a", ids());
  EXPECT_EQ("0", run_sql(target(), "SELECT count(*) FROM tags"));
  EXPECT_EQ("2", run_sql(target(), "SELECT count(*) FROM _holdfast_tombstones"));
  EXPECT_EQ(sqlite::names_in(target().parent_path()), std::set<std::string>{"app.db"});
}

TEST_F(FileRestoreTest, OfAFileWithoutTheTableNothingNeedsToBeDeleted) {
  std::filesystem::remove(file());
  run_sql(file(), "CREATE TABLE other (x)");
  Write deleted = delete_of("videos", "gone");
  deleted.acknowledged = true;
  FileRestoreRequest wanted = request();
  wanted.deleted = {&deleted, 1};
  EXPECT_EQ(0u, restore(wanted).deleted_rows);
}

TEST_F(FileRestoreTest, TablesOfItsOwnThatAreKeptBesideTheDatabaseStayThere) {
  sqlite::write_content(target().string() + ".holdfast", "precious");
  Write deleted = delete_of("videos", "gone");
  deleted.acknowledged = true;
  FileRestoreRequest wanted = request();
  wanted.deleted = {&deleted, 1};
  wanted.own_tables_beside = true;
  EXPECT_EQ(1u, restore(wanted).deleted_rows);
  EXPECT_EQ("a", ids());
  EXPECT_EQ("0",
            run_sql(target(), "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%holdfast%'"));
  EXPECT_EQ("precious", file_content(target().string() + ".holdfast"));
  EXPECT_EQ(sqlite::names_in(target().parent_path()),
            (std::set<std::string>{"app.db", "app.db.holdfast"}));
}

TEST_F(FileRestoreTest, ExcludedRowsStayOut) {
  FileRestoreRequest wanted = request();
  wanted.restore.exclusions = {{.table = "videos", .condition = "video_id = 'a'"}};
  EXPECT_EQ(1u, restore(wanted).excluded_rows);
  EXPECT_EQ("gone", ids());
}

TEST_F(FileRestoreTest, AFullDiskLeavesWhatWasThere) {
  env::FaultFileSystem faulty(env::posix_file_system());
  faulty.fill_disk(target().parent_path());
  at.files = &faulty;
  EXPECT_EQ(ErrorCode::kDiskFull, code_of([&] { restore(request()); }));
  expect_untouched();
}

TEST_F(FileRestoreTest, AFolderThatIsReadOnlyIsTold) {
  env::FaultFileSystem faulty(env::posix_file_system());
  faulty.make_read_only(target().parent_path());
  at.files = &faulty;
  EXPECT_EQ(ErrorCode::kPermissionDenied, code_of([&] { restore(request()); }));
  expect_untouched();
}

}  // namespace
}  // namespace holdfast::engine
