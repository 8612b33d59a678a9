#include "engine/verify/integrity.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/backup/backup.h"
#include "env/clock.h"
#include "env/temporary_directory.h"
#include "sqlite/test_database.h"
#include "storage/memory/memory_store.h"

namespace holdfast::engine {
namespace {

class Integrity : public testing::Test {
 protected:
  repository::Snapshot back_up(const std::string& sql) {
    sqlite::run_sql(folder / "app.db", sql);
    BackupRequest request;
    request.databases = {{.name = "app", .path = folder / "app.db"}};
    return engine::back_up(repository, env::posix_file_system(), request, no_progress()).snapshot;
  }
  IntegrityReport check(const std::vector<repository::Snapshot>& snapshots) {
    return check_integrity(repository, env::posix_file_system(), snapshots, place(), no_progress());
  }
  env::Path place() const { return folder / "place"; }

  env::TemporaryDirectory folder;
  storage::MemoryStore store;
  repository::Repository repository =
      repository::Repository::create(store, env::system_clock(), std::nullopt, "test").repository;
};

TEST_F(Integrity, OfASoundDatabaseIsFound) {
  const auto snapshot = back_up("CREATE TABLE t (a); INSERT INTO t VALUES (1);");
  const IntegrityReport report = check({snapshot});
  EXPECT_EQ(1u, report.databases);
  EXPECT_TRUE(report.findings.empty());
}

TEST_F(Integrity, LeavesNothingBehind) {
  check({back_up("CREATE TABLE t (a);")});
  EXPECT_TRUE(std::filesystem::is_empty(place()));
}

TEST_F(Integrity, OfEqualDatabasesIsLookedAtOnce) {
  const auto first = back_up("CREATE TABLE t (a);");
  const auto second = back_up("SELECT 1;");
  const auto third = back_up("INSERT INTO t VALUES (1);");
  EXPECT_EQ(2u, check({third, second, first}).databases);
}

TEST_F(Integrity, ReportsWhatSqliteSays) {
  const auto snapshot = back_up(
      "CREATE TABLE parent (a PRIMARY KEY); CREATE TABLE child (a REFERENCES parent);"
      "INSERT INTO child VALUES (7);");
  const IntegrityReport report = check({snapshot});
  ASSERT_EQ(1u, report.findings.size());
  EXPECT_EQ(snapshot.id, report.findings[0].snapshot);
  EXPECT_EQ("app", report.findings[0].database);
  EXPECT_TRUE(report.findings[0].restored);
  EXPECT_FALSE(report.findings[0].known);
  EXPECT_FALSE(report.findings[0].messages.empty());
}

TEST_F(Integrity, ReportsWhatCannotBeRestored) {
  const auto snapshot = back_up("CREATE TABLE t (a); INSERT INTO t VALUES (1);");
  std::vector<std::string> packs;
  store.list("packs/", [&](std::string_view name, const auto&) { packs.emplace_back(name); });
  for (const std::string& name : packs) store.remove(name);
  const IntegrityReport report = check({snapshot});
  ASSERT_EQ(1u, report.findings.size());
  EXPECT_FALSE(report.findings[0].restored);
}

TEST_F(Integrity, CannotBeFoundWhereNothingCanBeWritten) {
  const auto snapshot = back_up("CREATE TABLE t (a);");
  sqlite::run_sql(place(), "CREATE TABLE in_the_way (a);");
  EXPECT_ANY_THROW(check({snapshot}));
}

}  // namespace
}  // namespace holdfast::engine
