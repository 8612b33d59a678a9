// A day's backups after the clock was set back a day.
#include <gmock/gmock.h>

#include <atomic>

#include "repository/future_snapshot.h"
#include "service/backup_job.h"
#include "service/test_world.h"
#include "sqlite/test_database.h"

namespace holdfast::service {
namespace {

using repository::Snapshot;
using testing::HasSubstr;
using testing::IsEmpty;

// The system's, but off by so much.
class WrongClock final : public env::Clock {
 public:
  Time now() override { return env::system_clock().now() + wrong.load(); }
  Duration elapsed() override { return env::system_clock().elapsed(); }
  bool wait(Duration duration, std::stop_token stop) override {
    return env::system_clock().wait(duration, std::move(stop));
  }
  std::atomic<Duration> wrong{Duration(0)};
};

class NobodyThere final : public PassphrasePrompt {
 public:
  std::optional<std::string> ask(std::string_view) override { return std::nullopt; }
};

class BackupsWithTheClockSetBack : public TestWorld {
 protected:
  BackupsWithTheClockSetBack() {
    variables["HOME"] = folder.path();
    session.create(false, "tests");
    sqlite::run_sql(folder / "app.db", "CREATE TABLE item (text)");
  }
  static SessionOptions options() {
    SessionOptions options;
    options.repository = "repo";
    return options;
  }
  BackupOutcome back_up(int keep_last = 0) {
    sqlite::run_sql(folder / "app.db", "INSERT INTO item VALUES (randomblob(3000))");
    Database database;
    database.name = "app";
    database.source.path = folder / "app.db";
    BackupJob job;
    job.databases.push_back(database);
    if (keep_last > 0) job.keep = repository::RetentionPolicy{.last = keep_last};
    return service::back_up(session, job);
  }
  std::vector<SnapshotId> all() {
    std::vector<SnapshotId> ids;
    for (const Snapshot& one : repository::list_snapshots(session.repository()).snapshots) {
      ids.push_back(one.id);
    }
    return ids;
  }

  WrongClock clock;
  World wrong_world{.files = world.files,
                    .clock = clock,
                    .variables = world.variables,
                    .directory = world.directory,
                    .open_store = world.open_store};
  NobodyThere nobody;
  Session session{wrong_world, options(), nobody, no_progress()};
};

TEST_F(BackupsWithTheClockSetBack, SayThatLatestIsAnotherOne) {
  back_up();
  EXPECT_THAT(back_up().backup.warnings, IsEmpty());
  clock.wrong = -std::chrono::hours(24);
  const auto result = back_up().backup;
  ASSERT_EQ(result.warnings.size(), 1);
  EXPECT_THAT(result.warnings.front(), HasSubstr("still to come"));
  EXPECT_THAT(result.warnings.front(), HasSubstr(result.snapshot.id.short_hex()));
  clock.wrong = Duration(0);
  EXPECT_THAT(back_up().backup.warnings, IsEmpty());
  EXPECT_EQ(all().size(), 4);
}

TEST_F(BackupsWithTheClockSetBack, AreNotForgottenForThoseStillToCome) {
  back_up();
  back_up();
  const SnapshotId before = back_up(2).backup.snapshot.id;
  clock.wrong = -std::chrono::hours(24);
  SnapshotId last;
  for (int i = 0; i < 4; ++i) {
    last = back_up(2).backup.snapshot.id;
    EXPECT_THAT(all(), testing::Contains(last)) << "forgotten as soon as it was taken";
    EXPECT_THAT(all(), testing::Contains(before));
  }
  EXPECT_EQ(all().size(), 4) << "two from before and two of those since";
  clock.wrong = Duration(0);
  const SnapshotId newest = back_up(2).backup.snapshot.id;
  EXPECT_THAT(all(), testing::ElementsAre(newest, before));
}

}  // namespace
}  // namespace holdfast::service
