// Backups and restores around a clock that was set back a day.
#include <gtest/gtest.h>

#include "engine/backup/backup.h"
#include "engine/restore/restore.h"
#include "env/randomness.h"
#include "repository/test_history.h"
#include "sqlite/test_database.h"

namespace holdfast::engine {
namespace {

using repository::Snapshot;
using std::chrono::hours;

class ClockSetBack : public testing::Test {
 protected:
  ClockSetBack() {
    run_sql(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO record SELECT i, randomblob(900) FROM n");
  }
  void run_sql(const std::string& sql) const { sqlite::run_sql(database, sql); }
  Snapshot back_up(bool with_cache = true) {
    run_sql("UPDATE record SET body = randomblob(900) WHERE id = 1500");
    BackupRequest request;
    request.databases = {{.name = "app", .path = database}};
    if (with_cache) request.cache_directory = directory / "cache";
    const Snapshot snapshot =
        engine::back_up(at.repository, env::posix_file_system(), request, no_progress()).snapshot;
    images.emplace_back(snapshot, sqlite::file_content(database));
    return snapshot;
  }
  void expect_all_restored() {
    for (const auto& [snapshot, image] : images) {
      const auto copy = directory / env::random_name();
      restore_copy(at.repository, env::posix_file_system(), snapshot.databases.front(), copy, 2,
                   no_progress());
      EXPECT_TRUE(sqlite::file_content(copy) == image) << snapshot.name;
    }
  }

  env::TemporaryDirectory directory;
  const std::filesystem::path database = directory / "app.db";
  repository::HistoryRepository at;
  std::vector<std::pair<Snapshot, std::string>> images;
};

TEST_F(ClockSetBack, LeavesBackupsSmallAndRight) {
  back_up();
  back_up();
  at.clock.set_back(hours(24));
  for (const bool with_cache : {true, false, true}) {
    const Snapshot snapshot = back_up(with_cache);
    EXPECT_LE(snapshot.databases.front().pages_changed, 8);
    EXPECT_GE(snapshot.seconds, 0);
    at.clock.advance(hours(1));
  }
  expect_all_restored();
}

TEST_F(ClockSetBack, BetweenBackupAndRestoreChangesNothing) {
  const Snapshot wanted = back_up();
  const std::string image = images.back().second;
  back_up();
  at.clock.set_back(hours(24));
  RestoreRequest request;
  request.database = "app";
  request.target = database;
  const std::string replaced = sqlite::file_content(database);
  const RestoreResult result =
      engine::restore(at.repository, env::posix_file_system(), wanted, request, no_progress());
  EXPECT_TRUE(sqlite::file_content(database) == image);
  EXPECT_GE(result.seconds, 0);
  ASSERT_TRUE(result.safety_snapshot.has_value());
  EXPECT_LT(result.safety_snapshot->time, wanted.time);
  images.emplace_back(*result.safety_snapshot, replaced);
  expect_all_restored();
  EXPECT_EQ(repository::list_snapshots(at.repository).snapshots.size(), 3);
}

}  // namespace
}  // namespace holdfast::engine
