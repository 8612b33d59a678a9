// Backups that read only what the log proves to have changed: each must be what reading everything
// would have given.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <optional>
#include <random>

#include "engine/test_protection.h"
#include "repository/test_history.h"

namespace holdfast::engine {
namespace {

using testing::StartsWith;

class IncrementalTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kPage = 4096, kSample = 65 * kPage;

  IncrementalTest() {
    at.sql(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
        "CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" +
        rows_sql(6000, 900));
    application.emplace(at.database());
    write("PRAGMA wal_autocheckpoint = 200");
    set(1);
    back_up();
  }
  void write(const std::string& sql) {
    EXPECT_THAT(application->run(sql), StartsWith("ok")) << sql;
  }
  void set(int row) {
    write(fmt::format("UPDATE record SET body = randomblob(900) WHERE id = {}", row));
  }
  // What it read. The snapshot is what the database is.
  std::uint64_t back_up() { return back_up(at.request()); }
  std::uint64_t back_up(const BackupRequest& request) {
    const std::string image = image_of(at.database());
    const BackupResult result = engine::back_up(at.repository, *at.files, request, no_progress());
    at.expect_restored(result.snapshot, image);
    return result.snapshot.databases.front().bytes_read;
  }
  std::uint64_t whole() const { return image_of(at.database()).size(); }
  std::filesystem::path cached(const std::string& extension) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(at.cache())) {
      if (entry.path().extension() == extension) return entry.path();
    }
    ADD_FAILURE() << "there is no " << extension;
    return {};
  }

  Protection at;
  std::optional<sqlite::OtherConnection> application;
};

TEST_F(IncrementalTest, ReadsWhatChangedAndASample) {
  EXPECT_LE(back_up(), kSample);
  set(2);
  set(5000);
  const std::uint64_t read = back_up();
  EXPECT_GT(read, 2 * kPage);
  EXPECT_LE(read, kSample + 4 * kPage);
}

TEST_F(IncrementalTest, CountsTheRowsOfPagesThatWereNotRead) {
  write("INSERT INTO record VALUES (900000, 'new')");
  const BackupResult result = at.back_up();
  EXPECT_LE(result.snapshot.databases.front().bytes_read, kSample + 8 * kPage);
  ASSERT_EQ(result.snapshot.databases.front().tables.size(), 1);
  EXPECT_EQ(result.snapshot.databases.front().tables.front().rows, 6001);
}

TEST_F(IncrementalTest, FollowsADatabaseThatGrowsAndShrinks) {
  for (int round = 0; round < 3; ++round) {
    write("INSERT INTO record (body) SELECT randomblob(900) FROM record LIMIT 300");
    EXPECT_LT(back_up(), whole() / 2);
    write("DELETE FROM record WHERE id > 5800");
    write("PRAGMA incremental_vacuum");
    EXPECT_LT(back_up(), whole() / 2);
  }
}

TEST_F(IncrementalTest, ReadsEverythingWhenTold) {
  BackupRequest request = at.request();
  request.read_all = true;
  EXPECT_GE(back_up(request), whole());
  EXPECT_LE(back_up(), kSample);
}

TEST_F(IncrementalTest, ReadsEverythingNowAndThen) {
  int backups = 0;
  while (back_up() < whole()) {
    ASSERT_LT(++backups, 30);
    set(backups);
  }
  EXPECT_EQ(backups, 20);
  EXPECT_LE(back_up(), kSample);
}

TEST_F(IncrementalTest, ReadsEverythingOnceADay) {
  repository::RestingClock clock;  // which no heartbeat of a slow backup moves
  clock.advance(env::system_clock().now() - clock.now());
  const auto repository = repository::Repository::open(at.store, clock, std::nullopt);
  const auto read = [&] {
    return engine::back_up(repository, *at.files, at.request(), no_progress())
        .snapshot.databases.front()
        .bytes_read;
  };
  EXPECT_LE(read(), kSample);
  clock.advance(std::chrono::hours(23));
  EXPECT_LE(read(), kSample);
  clock.advance(std::chrono::hours(1));
  EXPECT_GE(read(), whole());
  clock.set_back(std::chrono::hours(48));
  EXPECT_GE(read(), whole()) << "a clock that was set back proves nothing";
}

TEST_F(IncrementalTest, ReadsEverythingAfterTheApplicationWasStartedAgain) {
  application.emplace(at.database());
  set(3);
  EXPECT_GE(back_up(), whole());
  EXPECT_LE(back_up(), kSample);
}

TEST_F(IncrementalTest, FindsThatAnotherProgramWroteOverTheFile) {
  write("PRAGMA wal_checkpoint(FULL)");
  const std::string older = file_content(at.database());
  write("UPDATE record SET body = randomblob(900)");
  write("PRAGMA wal_checkpoint(FULL)");
  back_up();
  set(4);
  write("PRAGMA wal_checkpoint(FULL)");  // so that the file's times tell nothing
  {
    std::fstream file(at.database(), std::ios::in | std::ios::out | std::ios::binary);
    file << older;
  }
  EXPECT_GE(back_up(), whole());
}

TEST_F(IncrementalTest, DoesNotNeedItsRecord) {
  const auto record = cached(".scan");
  const std::string content = file_content(record);
  std::filesystem::remove(record);
  EXPECT_GE(back_up(), whole());
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, content.size() / 2}) {
    std::filesystem::resize_file(record, size);
    EXPECT_GE(back_up(), whole());
  }
  std::string torn = file_content(record);
  torn[torn.size() / 2] ^= 1;
  sqlite::write_content(record, torn);
  EXPECT_GE(back_up(), whole());
  sqlite::write_content(record, content);  // of an older snapshot
  EXPECT_GE(back_up(), whole());
  EXPECT_LE(back_up(), kSample);
}

TEST_F(IncrementalTest, ReadsEverythingWhereItsDigestsAreTorn) {
  set(1);
  {
    std::fstream file(cached(".digests"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file << "torn";
  }
  EXPECT_GE(back_up(), whole());
}

TEST_F(IncrementalTest, StoresAgainWhatTheRepositoryHasLost) {
  set(1);
  for (const std::string& name : at.objects("packs/")) at.memory.remove(name);
  EXPECT_GE(back_up(), whole());
}

TEST_F(IncrementalTest, KnowsEachOfSeveralDatabases) {
  const auto other = at.directory / "other.db";
  run_sql(other, "PRAGMA journal_mode = WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, body);" +
                     rows_sql(3000, 900));
  sqlite::OtherConnection second(other);
  EXPECT_THAT(second.run("UPDATE record SET body = 'x' WHERE id = 1"), StartsWith("ok"));
  BackupRequest request = at.request();
  request.databases.push_back({.name = "other", .path = other});
  at.back_up(request);
  set(17);
  EXPECT_THAT(second.run("UPDATE record SET body = 'y' WHERE id = 1"), StartsWith("ok"));
  const std::string first_image = image_of(at.database()), second_image = image_of(other);
  const BackupResult result = at.back_up(request);
  at.expect_restored(result.snapshot, first_image);
  EXPECT_TRUE(at.restored(result.snapshot, "other") == second_image);
  for (const auto& state : result.snapshot.databases) {
    EXPECT_LE(state.bytes_read, kSample + 4 * kPage) << state.name;
  }
}

TEST_F(IncrementalTest, IsRightWhateverHappensInBetween) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  int resumed = 0;
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    for (auto steps = random() % 6; steps > 0; --steps) {
      const auto row = random() % 6000;
      switch (random() % 12) {
        case 0:
          application->run(
              fmt::format("PRAGMA wal_checkpoint({})",
                          std::array{"PASSIVE", "FULL", "RESTART", "TRUNCATE"}[random() % 4]));
          break;
        case 1:
          write(fmt::format("DELETE FROM record WHERE id BETWEEN {} AND {}", row, row + 40));
          break;
        case 2:
          write("PRAGMA incremental_vacuum(20)");
          break;
        case 3:
          write("INSERT INTO record (body) SELECT randomblob(900) FROM record LIMIT 100");
          break;
        case 4:
          at.sql(fmt::format("UPDATE record SET body = 'elsewhere' WHERE id = {}", row));
          break;
        case 5:
          if (random() % 4 == 0) application.emplace(at.database());
          break;
        case 6:
          if (random() % 8 == 0) write("VACUUM");
          break;
        default:
          set(static_cast<int>(row));
      }
    }
    if (back_up() < whole() / 2) ++resumed;
  }
  fmt::print("{} of 60 backups read only what changed\n", resumed);
  EXPECT_GT(resumed, 0);
}

}  // namespace
}  // namespace holdfast::engine
