// The process ends at every operation on the store and on files, and the power goes with it.
//
// Each scenario is run once for each of its operations, with what the operation did (nothing, all
// of it, a part) and what the power loss took (seed 0: everything that was not synced) varied. A
// failure names its run; HOLDFAST_CRASH="<operation>:<effect>:<seed>" with --gtest_filter repeats
// that one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>

#include "base/error.h"
#include "env/clock.h"
#include "env/crash_file_system.h"
#include "repository/index_merge.h"
#include "repository/key_removal.h"
#include "repository/snapshot.h"
#include "sqlite/test_database.h"
#include "tests/crash/ground.h"
#include "tests/crash/inspection.h"

namespace holdfast::crash {
namespace {

using Effect = env::CrashFileSystem::Effect;

struct Scenario {
  std::string name;
  std::function<void(Ground&)> prepare;                // on a file system that never fails
  std::function<void(Ground&, env::FileSystem&)> act;  // may end at any operation
  std::function<void(Ground&)> check;                  // on what is left
};

constexpr std::string_view effect_name(Effect effect) {
  return effect == Effect::kNone ? "none" : effect == Effect::kPart ? "part" : "whole";
}

std::uint64_t base_seed() {
  if (const char* given = std::getenv("HOLDFAST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

// False when the scenario has fewer operations than that.
bool crash_at(const Scenario& scenario, const Ground& prepared, std::uint64_t operation,
              Effect effect, std::uint64_t seed) {
  const std::string run = fmt::format("{}:{}:{}", operation, effect_name(effect), seed);
  Ground ground(prepared);
  std::string where;
  {
    env::CrashFileSystem files(ground.root());
    files.stop_at(operation, effect);
    try {
      scenario.act(ground, files);
    } catch (const env::CrashError&) {
    }
    if (!files.stopped()) return false;
    where = files.description(operation);
    files.lose_unsynced(seed);
  }
  SCOPED_TRACE(fmt::format("HOLDFAST_CRASH={} ({})", run, where));
  try {
    scenario.check(ground);
  } catch (const Error& error) {
    ADD_FAILURE() << error.name() << ": " << error.happened();
  }
  return !testing::Test::HasFailure();
}

std::uint64_t count_operations(const Scenario& scenario, const Ground& prepared) {
  Ground ground(prepared);
  env::CrashFileSystem files(ground.root());
  scenario.act(ground, files);
  return files.operation_count();
}

void repeat_one(const Scenario& scenario, const Ground& prepared, const std::string& run) {
  const auto effect_at = run.find(':') + 1, seed_at = run.rfind(':') + 1;
  const std::string name = run.substr(effect_at, seed_at - effect_at - 1);
  for (const Effect effect : {Effect::kNone, Effect::kPart, Effect::kWhole}) {
    if (name != effect_name(effect)) continue;
    crash_at(scenario, prepared, std::stoull(run), effect, std::stoull(run.substr(seed_at)));
  }
}

void crash_everywhere(const Scenario& scenario) {
  const std::uint64_t base = base_seed();
  Ground prepared;
  scenario.prepare(prepared);
  if (const char* run = std::getenv("HOLDFAST_CRASH")) return repeat_one(scenario, prepared, run);
  const std::uint64_t operations = count_operations(scenario, prepared);
  std::uint64_t runs = 0;
  const auto crash = [&](std::uint64_t operation, Effect effect, std::uint64_t seed) {
    ++runs;
    return crash_at(scenario, prepared, operation, effect, seed);
  };
  for (std::uint64_t operation = 1;; ++operation) {
    const std::uint64_t seed = base + 2 * operation;
    if (!crash(operation, Effect::kNone, 0)) break;
    if (!crash(operation, Effect::kWhole, 0)) break;
    if (!crash(operation, Effect::kNone, seed)) break;
    if (!crash(operation, Effect::kWhole, seed + 1)) break;
    if (operation % 3 == 0 && !crash(operation, Effect::kPart, seed)) break;
  }
  std::cout << fmt::format("crash points: {} {} ({} runs, HOLDFAST_SEED={})\n", scenario.name,
                           operations, runs, base);
  EXPECT_GT(runs, 4 * operations) << "not every operation was stopped at";
}

void check_snapshots(Ground& ground) {
  expect_snapshots_intact(ground);
  expect_work_goes_on(ground);
}

void make_repository(Ground& ground) {
  Process::create_repository(ground, env::posix_file_system());
  make_database(ground.source(), 0);
}

TEST(Crash, DuringAFirstBackupLeavesTheSnapshotOrNothing) {
  crash_everywhere(
      {.name = "first backup",
       .prepare = make_repository,
       .act = [](Ground& ground, env::FileSystem& files) { Process(ground, files).back_up(); },
       .check = check_snapshots});
}

TEST(Crash, DuringAnIncrementalBackupKeepsTheSnapshotsBeforeIt) {
  crash_everywhere(
      {.name = "incremental backup",
       .prepare =
           [](Ground& ground) {
             make_repository(ground);
             Process process(ground, env::posix_file_system());
             process.back_up();
             change_database(ground.source(), 1);
             process.back_up();
             change_database(ground.source(), 2);
           },
       .act = [](Ground& ground, env::FileSystem& files) { Process(ground, files).back_up(); },
       .check = check_snapshots});
}

TEST(Crash, DuringABackupThatMergesTheIndexKeepsTheSnapshotsBeforeIt) {
  crash_everywhere({.name = "backup that merges",
                    .prepare =
                        [](Ground& ground) {
                          make_repository(ground);
                          Process process(ground, env::posix_file_system());
                          process.back_up();
                          const auto loaded = repository::load_index(process.repository());
                          for (std::size_t i = 1; i < repository::kMostIndexObjects; ++i) {
                            repository::put_index(process.repository(),
                                                  loaded.objects.front().content->content());
                          }
                          change_database(ground.source(), 1);
                        },
                    .act =
                        [](Ground& ground, env::FileSystem& files) {
                          Process process(ground, files);
                          process.back_up();
                          EXPECT_EQ(repository::load_index(process.repository()).objects.size(), 1);
                        },
                    .check = check_snapshots});
}

// Five snapshots, such that forgetting three of them leaves packs that are garbage as a whole and
// some that are rewritten.
void prepare_prune(Ground& ground) {
  Process::create_repository(ground, env::posix_file_system());
  make_wide_database(ground.source());
  Process process(ground, env::posix_file_system());
  process.back_up();
  rewrite_rows(ground.source(), 1, 300, 1);
  process.back_up();
  rewrite_rows(ground.source(), 400, 700, 2);
  process.back_up();
  rewrite_rows(ground.source(), 350, 360, 3);
  process.back_up();
  rewrite_rows(ground.source(), 1, 20, 4);
  process.back_up();
}

TEST(Crash, DuringForgetAndPruneKeepsWhatWasNotForgotten) {
  crash_everywhere({.name = "forget and prune",
                    .prepare = prepare_prune,
                    .act =
                        [](Ground& ground, env::FileSystem& files) {
                          Process process(ground, files);
                          const auto list = repository::list_snapshots(process.repository());
                          for (const std::size_t number : std::vector<std::size_t>{0, 2, 4}) {
                            process.forget(list.snapshots.at(number).id);
                          }
                          const repository::PruneResult result = process.prune();
                          EXPECT_GT(result.packs_repacked, 0);
                          EXPECT_GT(result.packs_removed, result.packs_repacked);
                        },
                    .check = check_snapshots});
}

SnapshotId only_snapshot(const Ground& ground) { return ground.promises.kept.begin()->first; }

// The target is a database in WAL mode whose last commits are in a log that nobody has open.
void put_used_database_at_target(Ground& ground) {
  const env::Path work = ground.scratch() / "used.db";
  make_database(work, 7);
  sqlite::run_sql(work, "PRAGMA journal_mode = WAL");
  sqlite::OtherConnection user(work);
  user.run("UPDATE record SET generation = 8 WHERE id % 5 = 0");
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy(work.string() + suffix, ground.target().string() + suffix);
  }
  std::filesystem::permissions(ground.target(), std::filesystem::perms(0640));
  ground.before_restore = rows_of(ground, ground.target());
}

void prepare_restore(Ground& ground) {
  std::filesystem::create_directories(ground.target().parent_path());
  std::filesystem::create_directories(ground.scratch());
  make_repository(ground);
  Process(ground, env::posix_file_system()).back_up();
}

void restore(Ground& ground, env::FileSystem& files) {
  Process(ground, files).restore_over_target(only_snapshot(ground));
}

void check_target(Ground& ground) {
  expect_snapshots_intact(ground);
  expect_target_old_or_new(ground, rows_of(ground, ground.source()));
}

TEST(Crash, DuringARestoreLeavesTheOldOrTheNewDatabase) {
  crash_everywhere({.name = "restore",
                    .prepare =
                        [](Ground& ground) {
                          prepare_restore(ground);
                          put_used_database_at_target(ground);
                        },
                    .act = restore,
                    .check = check_target});
}

// Another process has the target open and is not doing anything; its commits are in the log.
TEST(Crash, DuringARestoreBesideAnIdleProcessLeavesTheOldOrTheNewDatabase) {
  crash_everywhere({.name = "restore while open",
                    .prepare =
                        [](Ground& ground) {
                          prepare_restore(ground);
                          put_used_database_at_target(ground);
                        },
                    .act =
                        [](Ground& ground, env::FileSystem& files) {
                          sqlite::OtherConnection idle(ground.target());
                          EXPECT_EQ(idle.run("SELECT count(*) FROM record"), "ok [(400,)]");
                          Process(ground, files).restore_over_target(only_snapshot(ground), true);
                        },
                    .check = check_target});
}

TEST(Crash, DuringARestoreOfALostDatabaseLeavesItOrNothing) {
  crash_everywhere({.name = "restore of a lost database",
                    .prepare =
                        [](Ground& ground) {
                          prepare_restore(ground);
                          put_used_database_at_target(ground);
                          std::filesystem::remove(ground.target());
                          ground.before_restore.clear();
                        },
                    .act = restore,
                    .check = check_target});
}

void add_key(Ground& ground, storage::Store& store, const repository::Repository& repository,
             const std::string& secret) {
  repository::add_key(store, repository.config(), repository.keys().master,
                      repository::KeyKind::kPassphrase, secret, secret, env::system_clock().now(),
                      kFastCost);
  ground.promises.secrets.insert(secret);
}

void remove_key(Ground& ground, storage::Store& store, const repository::Repository& repository,
                const std::string& secret) {
  ground.promises.secrets.erase(secret);
  const repository::KeyInfo key = repository::unlock(store, repository.config(), secret).key;
  repository::remove_key(repository, key.id);
  ground.promises.revoked.insert(secret);
}

TEST(Crash, DuringChangesOfKeysNeverLocksAnybodyOut) {
  crash_everywhere({.name = "key add, change, remove",
                    .prepare =
                        [](Ground& ground) {
                          make_repository(ground);
                          Process(ground, env::posix_file_system()).back_up();
                        },
                    .act =
                        [](Ground& ground, env::FileSystem& files) {
                          Process process(ground, files);
                          const repository::Repository& repository = process.repository();
                          add_key(ground, process.store(), repository, "a colleague's");
                          // A change: the new one is there before the old one goes.
                          add_key(ground, process.store(), repository, "a colleague's new one");
                          remove_key(ground, process.store(), repository, "a colleague's");
                          remove_key(ground, process.store(), repository, std::string(kSecret));
                        },
                    .check = expect_keys_as_promised});
}

TEST(Crash, DuringInitLeavesARepositoryOrRoomForOne) {
  crash_everywhere(
      {.name = "init",
       .prepare = [](Ground&) {},
       .act = [](Ground& ground,
                 env::FileSystem& files) { Process::create_repository(ground, files); },
       .check =
           [](Ground& ground) {
             storage::LocalStore store(env::posix_file_system(), ground.repository());
             if (store.stat(repository::kConfigName)) {
               ground.promises.secrets.insert(std::string(kSecret));
             } else {
               EXPECT_TRUE(ground.promises.secrets.empty());
               Process::create_repository(ground, env::posix_file_system());
             }
             expect_keys_as_promised(ground);
           }});
}

}  // namespace
}  // namespace holdfast::crash
