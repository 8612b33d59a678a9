#include "tests/crash/inspection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/progress.h"
#include "engine/restore/restore.h"
#include "env/clock.h"
#include "env/randomness.h"
#include "repository/index.h"
#include "repository/intent.h"
#include "repository/snapshot.h"
#include "repository/verify.h"
#include "sqlite/test_database.h"

namespace holdfast::crash {
namespace {

std::string restored_content(Ground& ground, const repository::Repository& repository,
                             const repository::Snapshot& snapshot) {
  const env::Path copy = ground.scratch() / env::random_name();
  engine::restore_copy(repository, env::posix_file_system(), snapshot.databases.front(), copy, 1,
                       no_progress());
  std::string content = content_of(copy);
  std::filesystem::remove(copy);
  return content;
}

bool is_safety_snapshot(const repository::Snapshot& snapshot) {
  return snapshot.tags == std::vector<std::string>{"before-restore"};
}

bool may_be_there(const Promises& promises, const SnapshotId& id, const std::string& content) {
  if (const auto kept = promises.kept.find(id); kept != promises.kept.end()) {
    return kept->second == content;
  }
  if (const auto leaving = promises.leaving.find(id); leaving != promises.leaving.end()) {
    return leaving->second == content;
  }
  // Taken, but nobody was told.
  return std::ranges::find(promises.pending, content) != promises.pending.end();
}

void expect_listed_snapshots_intact(Ground& ground, const repository::Repository& repository) {
  const repository::SnapshotList list = repository::list_snapshots(repository);
  EXPECT_EQ(list.unreadable, std::vector<std::string>());
  std::set<SnapshotId> listed;
  for (const repository::Snapshot& snapshot : list.snapshots) {
    listed.insert(snapshot.id);
    EXPECT_FALSE(ground.promises.forgotten.contains(snapshot.id)) << "a forgotten one is back";
    const std::string content = restored_content(ground, repository, snapshot);
    // What a restore saved is looked at together with its target.
    EXPECT_TRUE(is_safety_snapshot(snapshot) || may_be_there(ground.promises, snapshot.id, content))
        << snapshot.id.hex() << " restores to something else";
  }
  for (const auto& [id, content] : ground.promises.kept) {
    EXPECT_TRUE(listed.contains(id)) << "the acknowledged snapshot " << id.hex() << " is lost";
  }
}

void expect_verified(const repository::Repository& repository) {
  const repository::VerifyReport report = repository::verify(
      repository,
      {.snapshots = {}, .read_data_percent = 100, .threads = 1, .remember_damage = false},
      no_progress());
  for (const repository::Damage& damage : report.damage) {
    ADD_FAILURE() << damage.object << ": " << damage.problem;
  }
  for (const repository::SnapshotVerdict& verdict : report.snapshots) {
    EXPECT_TRUE(verdict.restorable) << verdict.name;
  }
  EXPECT_EQ(report.databases_proved, report.snapshots.size());
}

void expect_no_garbage(Process& process) {
  const repository::LoadedIndex loaded = repository::load_index(process.repository());
  EXPECT_EQ(loaded.objects.size(), 1);
  EXPECT_TRUE(loaded.unreadable.empty());
  EXPECT_TRUE(loaded.lost_packs.empty());
  EXPECT_TRUE(loaded.unindexed.empty());
  EXPECT_TRUE(loaded.unreadable_packs.empty());
  EXPECT_TRUE(repository::load_condemned(process.repository()).objects.empty());
  std::size_t packs = 0;
  process.store().list("packs/", [&](std::string_view, const auto&) { ++packs; });
  EXPECT_EQ(packs, loaded.index.packs().size());
  EXPECT_EQ(process.prune(true).packs_removed, 0);
}

}  // namespace

void expect_snapshots_intact(Ground& ground) {
  Process process(ground, env::posix_file_system());
  expect_listed_snapshots_intact(ground, process.repository());
  expect_verified(process.repository());
}

void expect_work_goes_on(Ground& ground) {
  Process process(ground, env::posix_file_system());
  change_database(ground.source(), 100);
  process.back_up();
  process.prune();
  expect_listed_snapshots_intact(ground, process.repository());
  expect_verified(process.repository());
  expect_no_garbage(process);
}

std::string rows_of(Ground& ground, const env::Path& database) {
  // SQLite writes beside what it opens; the ground stays as the crash left it.
  const env::Path copy = ground.scratch() / env::random_name() / "copy.db";
  std::filesystem::create_directories(copy.parent_path());
  for (const char* suffix : {"", "-wal", "-journal"}) {
    const env::Path from = database.string() + suffix;
    if (std::filesystem::exists(from)) std::filesystem::copy(from, copy.string() + suffix);
  }
  EXPECT_EQ(sqlite::run_sql(copy, "PRAGMA integrity_check"), "ok");
  return sqlite::run_sql(copy,
                         "SELECT group_concat(id || ':' || generation || ':' || hex(body)) FROM "
                         "(SELECT * FROM record ORDER BY id)");
}

void expect_target_old_or_new(Ground& ground, const std::string& restored_rows) {
  const bool was_there = !ground.before_restore.empty();
  if (!std::filesystem::exists(ground.target())) {
    EXPECT_FALSE(was_there) << "the database is gone";
    EXPECT_FALSE(ground.promises.restored);
    return;
  }
  const std::string rows = rows_of(ground, ground.target());
  const bool replaced = rows == restored_rows;
  EXPECT_TRUE(replaced || (was_there && rows == ground.before_restore)) << "neither old nor new";
  EXPECT_TRUE(replaced || !ground.promises.restored);
  if (!replaced || !was_there) return;
  EXPECT_EQ(std::filesystem::status(ground.target()).permissions(), std::filesystem::perms(0640));
  Process process(ground, env::posix_file_system());
  bool saved = false;
  for (const auto& snapshot : repository::list_snapshots(process.repository()).snapshots) {
    if (!is_safety_snapshot(snapshot)) continue;
    const env::Path copy = ground.scratch() / env::random_name();
    sqlite::write_content(copy, restored_content(ground, process.repository(), snapshot));
    saved = saved || rows_of(ground, copy) == ground.before_restore;
  }
  EXPECT_TRUE(saved) << "what was replaced is in no snapshot";
}

void expect_keys_as_promised(Ground& ground) {
  storage::LocalStore store(env::posix_file_system(), ground.repository());
  const repository::Config config = repository::read_config(store);
  for (const std::string& secret : ground.promises.secrets) {
    EXPECT_NO_THROW(repository::unlock(store, config, secret)) << secret;
  }
  for (const std::string& secret : ground.promises.revoked) {
    EXPECT_THROW(repository::unlock(store, config, secret), Error) << secret;
  }
}

}  // namespace holdfast::crash
