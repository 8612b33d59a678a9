#include "engine/restore/restore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "engine/test_protection.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

using repository::Snapshot;

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(500, 900));
    image = image_of(at.database());
    snapshot = at.back_up().snapshot;
  }
  std::filesystem::path target() const { return at.directory / "place" / "app.db"; }
  RestoreRequest request(const std::filesystem::path& path) const {
    RestoreRequest request;
    request.database = Protection::kName;
    request.target = path;
    request.threads = 2;
    request.busy_timeout = std::chrono::milliseconds(50);
    return request;
  }
  RestoreResult restore(const RestoreRequest& restore_request) {
    return engine::restore(at.repository, *at.files, snapshot, restore_request, no_progress());
  }
  RestoreResult restore() { return restore(request(target())); }
  ErrorCode refusal(const RestoreRequest& restore_request) {
    return code_of([&] { restore(restore_request); });
  }
  void make_target(const std::string& sql) {
    std::filesystem::create_directories(target().parent_path());
    run_sql(target(), "CREATE TABLE own (x); INSERT INTO own VALUES ('mine');" + sql);
  }
  // Beside a log that nobody has open any more.
  void make_target_with_log() {
    make_target("PRAGMA journal_mode = WAL");
    const auto work = at.directory / env::random_name();
    std::filesystem::copy_file(target(), work);
    sqlite::OtherConnection other(work);
    other.run("INSERT INTO own VALUES ('in the log')");
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(work.string() + suffix, target().string() + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }
  void expect_restored() const {
    EXPECT_TRUE(file_content(target()) == image);
    EXPECT_EQ(sqlite::names_in(target().parent_path()), std::set<std::string>{"app.db"});
    EXPECT_EQ(run_sql(target(), "SELECT count(*) FROM record"), "500");
  }
  std::string ask_saved(const RestoreResult& result, const std::string& sql) const {
    const auto copy = at.directory / "saved.db";
    sqlite::write_content(copy, at.restored(*result.safety_snapshot));
    return run_sql(copy, sql);
  }

  Protection at;
  Snapshot snapshot;
  std::string image;
};

TEST_F(RestoreTest, MakesTheDatabaseAndItsFolders) {
  const auto deep = at.directory / "a" / "b" / "app.db";
  const RestoreResult result = restore(request(deep));
  EXPECT_TRUE(file_content(deep) == image);
  EXPECT_EQ(result.target, deep);
  EXPECT_EQ(result.bytes, image.size());
  EXPECT_EQ(result.checksum, snapshot.databases.front().checksum);
  EXPECT_FALSE(result.safety_snapshot.has_value());
}

TEST_F(RestoreTest, SavesWhatItReplaces) {
  make_target("");
  const RestoreResult result = restore();
  expect_restored();
  ASSERT_TRUE(result.safety_snapshot.has_value());
  EXPECT_EQ(result.safety_snapshot->tags, std::vector<std::string>{"before-restore"});
  EXPECT_EQ(ask_saved(result, "SELECT x FROM own"), "mine");
}

TEST_F(RestoreTest, IsUndoneByItsSafetySnapshot) {
  make_target("");
  const std::string before = file_content(target());
  const RestoreResult result = restore();
  snapshot = *result.safety_snapshot;
  restore();
  EXPECT_TRUE(file_content(target()) == before);
}

TEST_F(RestoreTest, TakesNoSafetySnapshotIfToldSo) {
  make_target("");
  RestoreRequest without = request(target());
  without.safety_snapshot = false;
  EXPECT_FALSE(restore(without).safety_snapshot.has_value());
  expect_restored();
  EXPECT_EQ(repository::list_snapshots(at.repository).snapshots.size(), 1);
}

TEST_F(RestoreTest, SavesTheLogBesideTheDatabaseAndRemovesIt) {
  make_target_with_log();
  const RestoreResult result = restore();
  expect_restored();
  EXPECT_EQ(ask_saved(result, "SELECT count(*) FROM own"), "2");
}

TEST_F(RestoreTest, SetsALogAsideWhoseDatabaseIsGone) {
  make_target_with_log();
  const std::string log = file_content(target().string() + "-wal");
  std::filesystem::remove(target());
  const RestoreResult result = restore();
  EXPECT_TRUE(file_content(target()) == image);
  ASSERT_EQ(result.set_aside.size(), 1);
  EXPECT_TRUE(file_content(result.set_aside.front()) == log);
  EXPECT_FALSE(std::filesystem::exists(target().string() + "-wal"));
  EXPECT_EQ(run_sql(target(), "SELECT count(*) FROM record"), "500");
}

TEST_F(RestoreTest, PlaysBackAHotJournalIntoTheSafetySnapshot) {
  make_target("");
  const auto work = at.directory / "work.db";
  std::filesystem::copy_file(target(), work);
  sqlite::OtherConnection other(work);
  other.run("PRAGMA cache_size = 1");
  other.run("PRAGMA cache_spill = 1");
  other.run("BEGIN IMMEDIATE");
  other.run("INSERT INTO own SELECT randomblob(100000)");
  other.run("INSERT INTO own SELECT randomblob(100000)");
  for (const char* suffix : {"", "-journal"}) {
    std::filesystem::copy_file(work.string() + suffix, target().string() + suffix,
                               std::filesystem::copy_options::overwrite_existing);
  }
  const RestoreResult result = restore();
  expect_restored();
  EXPECT_EQ(ask_saved(result, "SELECT count(*) FROM own"), "1");
}

TEST_F(RestoreTest, RefusesATargetThatIsOpenElsewhere) {
  make_target("PRAGMA journal_mode = WAL");
  sqlite::OtherConnection other(target());
  other.run("SELECT * FROM own");
  const std::string before = file_content(target());
  EXPECT_EQ(refusal(request(target())), ErrorCode::kDatabaseOpen);
  EXPECT_TRUE(file_content(target()) == before);
  EXPECT_EQ(repository::list_snapshots(at.repository).snapshots.size(), 1);
}

TEST_F(RestoreTest, ReplacesAnOpenDatabaseIfToldSo) {
  make_target("PRAGMA journal_mode = WAL");
  sqlite::OtherConnection other(target());
  other.run("INSERT INTO own VALUES ('just now')");
  RestoreRequest open = request(target());
  open.while_open = true;
  const RestoreResult result = restore(open);
  EXPECT_TRUE(file_content(target()) == image);
  EXPECT_EQ(ask_saved(result, "SELECT count(*) FROM own"), "2");
  EXPECT_TRUE(result.set_aside.empty()) << "a log that is merged is worth nothing";
  EXPECT_EQ(repository::list_snapshots(at.repository).snapshots.size(), 2);
  other.stop(SIGKILL);
  expect_restored();
}

TEST_F(RestoreTest, KeepsTheMode) {
  make_target("");
  std::filesystem::permissions(target(), std::filesystem::perms(0640));
  restore();
  EXPECT_EQ(std::filesystem::status(target()).permissions(), std::filesystem::perms(0640));
}

TEST_F(RestoreTest, KeepsTheOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  make_target("");
  ASSERT_EQ(::chown(target().c_str(), 1234, 4321), 0);
  restore();
  struct stat status{};
  ASSERT_EQ(::stat(target().c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1234);
  EXPECT_EQ(status.st_gid, 4321);
}

TEST_F(RestoreTest, ReplacesWhatALinkPointsTo) {
  make_target("");
  const auto link = at.directory / "link.db";
  std::filesystem::create_symlink("place/app.db", link);
  restore(request(link));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  expect_restored();
  std::filesystem::remove(target());
  restore(request(link));
  EXPECT_TRUE(std::filesystem::is_symlink(link)) << "a link whose database was deleted";
  expect_restored();
}

TEST_F(RestoreTest, RefusesToOverwriteWhatIsNoDatabase) {
  std::filesystem::create_directories(target().parent_path());
  sqlite::write_content(target(), "Dear diary, today I restored nothing at all.");
  EXPECT_EQ(refusal(request(target())), ErrorCode::kTargetExists);
  EXPECT_EQ(file_content(target()), "Dear diary, today I restored nothing at all.");
  EXPECT_EQ(refusal(request(target().parent_path())), ErrorCode::kTargetExists);
}

TEST_F(RestoreTest, ReplacesAnEmptyFile) {
  std::filesystem::create_directories(target().parent_path());
  sqlite::write_content(target(), "");
  EXPECT_FALSE(restore().safety_snapshot.has_value());
  expect_restored();
}

TEST_F(RestoreTest, SavesADamagedDatabaseAndReplacesIt) {
  make_target("");
  {
    std::fstream file(target(), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(100, '\xee');
  }
  const std::string before = file_content(target());
  const RestoreResult result = restore();
  expect_restored();
  ASSERT_TRUE(result.safety_snapshot.has_value());
  EXPECT_TRUE(at.restored(*result.safety_snapshot) == before);
}

TEST_F(RestoreTest, RefusesADatabaseThatTheSnapshotDoesNotHold) {
  RestoreRequest other = request(target());
  other.database = "other";
  EXPECT_EQ(refusal(other), ErrorCode::kDatabaseUnknown);
}

class FailingRestoreTest : public RestoreTest {
 protected:
  FailingRestoreTest() {
    make_target_with_log();
    before = contents();
  }
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (const std::string& name : sqlite::names_in(target().parent_path())) {
      all[name] = file_content(target().parent_path() / name);
    }
    return all;
  }
  void expect_untouched() const { EXPECT_TRUE(contents() == before); }
  std::map<std::string, std::string> before;
};

TEST_F(FailingRestoreTest, NeverSwapsInWhatHasAnotherChecksum) {
  snapshot.databases.front().checksum = std::string(64, '0');
  EXPECT_EQ(refusal(request(target())), ErrorCode::kChecksumMismatch);
  expect_untouched();
}

TEST_F(FailingRestoreTest, LeavesTheTargetWhenTheRepositoryIsDamaged) {
  for (const std::string& pack : at.objects("packs/")) {
    Bytes content = at.memory.get(pack);
    content.at(3000) ^= std::byte{1};
    at.memory.put(pack, content, {.mode = storage::PutMode::kReplace});
  }
  EXPECT_EQ(refusal(request(target())), ErrorCode::kDamagedObject);
  expect_untouched();
}

TEST_F(FailingRestoreTest, LeavesTheTargetWhenAPackIsMissing) {
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  EXPECT_EQ(refusal(request(target())), ErrorCode::kMissingObject);
  expect_untouched();
}

TEST_F(FailingRestoreTest, SaysThatTheSnapshotWasForgottenMeanwhile) {
  remove_snapshot(at.repository, snapshot);
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  EXPECT_EQ(refusal(request(target())), ErrorCode::kSnapshotMissing);
  expect_untouched();
}

TEST_F(FailingRestoreTest, LeavesTheTargetWhenAPackCannotBeRead) {
  const std::string pack = at.objects("packs/").front();
  at.store.inject({.verb = storage::Verb::kGetRange, .prefix = pack, .code = ErrorCode::kIo});
  try {
    restore();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_NE(error.happened().find(pack), std::string::npos) << error.happened();
  }
  expect_untouched();
}

TEST_F(FailingRestoreTest, LeavesTheTargetOnAFullDisk) {
  env::FaultFileSystem files(env::posix_file_system());
  at.files = &files;
  std::uint64_t failed = 0;
  for (bool enough = false; !enough;) {
    files.repair();
    files.inject({.verb = env::FaultFileSystem::Verb::kWrite,
                  .error_number = ENOSPC,
                  .below = target().parent_path(),
                  .skip = failed});
    try {
      restore();
      enough = true;
    } catch (const Error& error) {
      ++failed;
      EXPECT_EQ(error.code(), ErrorCode::kDiskFull) << error.happened();
      expect_untouched();
    }
  }
  EXPECT_GE(failed, 2);
  expect_restored();
}

// Whatever fails before the swap leaves the database as it was, whatever fails after it the new
// one: nothing else is ever there.
TEST_F(FailingRestoreTest, LeavesTheOldOrTheNewDatabaseWhereverItFails) {
  for (const auto verb : {env::FaultFileSystem::Verb::kSync, env::FaultFileSystem::Verb::kName}) {
    for (std::uint64_t skip = 0;; ++skip) {
      ASSERT_LT(skip, 50);
      std::filesystem::remove_all(target().parent_path());
      make_target_with_log();
      env::FaultFileSystem files(env::posix_file_system());
      files.inject(
          {.verb = verb, .error_number = EIO, .below = target().parent_path(), .skip = skip});
      at.files = &files;
      try {
        restore();
        break;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kIo) << error.happened();
      }
      EXPECT_EQ(run_sql(target(), "PRAGMA integrity_check"), "ok");
      const bool old =
          run_sql(target(), "SELECT count(*) FROM sqlite_schema WHERE name = 'own'") == "1";
      EXPECT_EQ(run_sql(target(), old ? "SELECT count(*) FROM own" : "SELECT count(*) FROM record"),
                old ? "2" : "500");
    }
  }
}

// The same beside a process that has the database open: where it stays, that process goes on with
// it, and others see what it does.
TEST_F(FailingRestoreTest, LeavesAnOpenDatabaseToItsProcessWhereverItFails) {
  for (std::uint64_t skip = 0;; ++skip) {
    ASSERT_LT(skip, 50);
    std::filesystem::remove_all(target().parent_path());
    make_target_with_log();
    sqlite::OtherConnection other(target());
    other.run("SELECT * FROM own");
    env::FaultFileSystem files(env::posix_file_system());
    files.inject({.verb = env::FaultFileSystem::Verb::kName,
                  .error_number = EIO,
                  .below = target().parent_path(),
                  .skip = skip,
                  .times = 1});
    at.files = &files;
    RestoreRequest open = request(target());
    open.while_open = true;
    try {
      restore(open);
      if (files.faults() == 0) break;
      continue;  // it could do without
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo) << error.happened();
    }
    EXPECT_EQ(other.run("INSERT INTO own VALUES ('afterwards')"), "ok []");
    EXPECT_EQ(run_sql(target(), "SELECT count(*) FROM own"), "3") << "failure " << skip;
    EXPECT_EQ(sqlite::names_in(target().parent_path()),
              (std::set<std::string>{"app.db", "app.db-wal", "app.db-shm"}));
  }
  expect_restored();
}

}  // namespace
}  // namespace holdfast::engine
