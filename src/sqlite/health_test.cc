#include "sqlite/health.h"

#include <gtest/gtest.h>

#include "sqlite/seed.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr std::chrono::milliseconds kBusyTimeout{50};

class HealthTest : public testing::Test {
 protected:
  Path path() const { return directory / "app.db"; }
  Presence presence() const { return look_at_database(path(), kBusyTimeout).presence; }
  void make(const std::string& before = "") const {
    run_sql(path(), before +
                        "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);"
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                        "200) INSERT INTO record (body) SELECT randomblob(500) FROM n;");
  }
  void cut(std::uint64_t size) const { std::filesystem::resize_file(path(), size); }
  // Copies made while another process has it open keep their log.
  void make_with_log() const {
    const Path work = directory / "work.db";
    run_sql(work, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    OtherConnection other(work);
    other.run("PRAGMA wal_autocheckpoint = 0");
    other.run("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB)");
    for (int i = 0; i < 20; ++i) other.run("INSERT INTO record (body) VALUES (randomblob(3000))");
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(work.string() + suffix, path().string() + suffix);
    }
  }

  env::TemporaryDirectory directory;
};

TEST_F(HealthTest, SeesADatabaseAndLeavesNoFileBehind) {
  make("PRAGMA journal_mode = WAL;");
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"app.db"});
}

TEST_F(HealthTest, CallsAFileThatIsNotThereMissing) { EXPECT_EQ(presence(), Presence::kMissing); }

TEST_F(HealthTest, CallsADatabaseInAMissingFolderMissing) {
  EXPECT_EQ(look_at_database(directory / "no" / "app.db", kBusyTimeout).presence,
            Presence::kMissing);
}

TEST_F(HealthTest, CallsAFileWithoutBytesEmpty) {
  write_content(path(), "");
  EXPECT_EQ(presence(), Presence::kEmpty);
}

TEST_F(HealthTest, KeepsTheLogBesideAFileWithoutBytes) {
  make_with_log();
  cut(0);
  EXPECT_EQ(presence(), Presence::kDamaged);
  EXPECT_TRUE(std::filesystem::exists(path().string() + "-wal"));
}

TEST_F(HealthTest, CallsTextNotADatabase) {
  write_content(path(), std::string(5000, 'x'));
  EXPECT_EQ(presence(), Presence::kNotADatabase);
}

TEST_F(HealthTest, CallsAFolderNotADatabase) {
  std::filesystem::create_directory(path());
  EXPECT_EQ(presence(), Presence::kNotADatabase);
}

TEST_F(HealthTest, SeesThatPagesAreMissing) {
  make();
  cut(std::filesystem::file_size(path()) / 2);
  EXPECT_EQ(presence(), Presence::kCutOff);
}

TEST_F(HealthTest, SeesThatAlmostNothingIsLeft) {
  make();
  cut(200);
  EXPECT_EQ(presence(), Presence::kCutOff);
}

TEST_F(HealthTest, FindsPagesThatAreInTheLogOnly) {
  make_with_log();
  EXPECT_EQ(presence(), Presence::kPresent);
}

TEST_F(HealthTest, SeesThatPagesAreMissingThoughThereIsALog) {
  make("PRAGMA journal_mode = WAL;");
  const Path whole = directory / "whole.db";
  std::filesystem::copy_file(path(), whole);
  OtherConnection other(path());
  other.run("UPDATE record SET body = 'x' WHERE id = 1");
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 8192);
  EXPECT_EQ(presence(), Presence::kCutOff);
}

TEST_F(HealthTest, SeesADamagedSchema) {
  make();
  std::string content = file_content(path());
  const auto at = content.find("CREATE TABLE record");
  content.replace(at, 12, "CRAETE TEBAL");
  write_content(path(), content);
  EXPECT_EQ(presence(), Presence::kDamaged);
}

TEST_F(HealthTest, SeesADatabaseWithoutTables) {
  create_empty(path());
  EXPECT_EQ(presence(), Presence::kNoSchema);
}

TEST_F(HealthTest, PlaysBackTheJournalOfACrashedWriter) {
  make();
  {
    OtherConnection other(path());
    other.run("PRAGMA cache_size = 1");
    other.run("BEGIN");
    other.run("UPDATE record SET body = zeroblob(500)");
  }
  ASSERT_TRUE(std::filesystem::exists(path().string() + "-journal"));
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_EQ(run_sql(path(), "SELECT count(*) FROM record WHERE body = zeroblob(500)"), "0");
}

TEST_F(HealthTest, WaitsNoLongerThanToldForALockedDatabase) {
  make();
  OtherConnection other(path());
  other.run("BEGIN EXCLUSIVE");
  EXPECT_EQ(code_of([&] { presence(); }), ErrorCode::kDatabaseBusy);
}

TEST_F(HealthTest, FindsNothingWrongWithASoundDatabase) {
  make();
  EXPECT_EQ(quick_check(path(), kBusyTimeout), std::vector<std::string>{});
}

TEST_F(HealthTest, FindsAPageThatIsOverwritten) {
  make();
  std::string content = file_content(path());
  content.replace(5 * 4096, 4096, std::string(4096, '\x5a'));
  write_content(path(), content);
  EXPECT_FALSE(quick_check(path(), kBusyTimeout).empty());
}

TEST_F(HealthTest, TellsEmptyTablesFromFullOnes) {
  make("CREATE TABLE empty (x);");
  const auto tables = look_at_tables(path(), kBusyTimeout);
  ASSERT_EQ(tables.size(), 2);
  EXPECT_EQ(tables[0].name, "empty");
  EXPECT_TRUE(tables[0].empty);
  EXPECT_EQ(tables[1].name, "record");
  EXPECT_FALSE(tables[1].empty);
}

}  // namespace
}  // namespace holdfast::sqlite
