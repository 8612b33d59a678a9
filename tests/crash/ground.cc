#include "tests/crash/ground.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/progress.h"
#include "engine/backup/backup.h"
#include "engine/restore/restore.h"
#include "env/clock.h"
#include "sqlite/test_database.h"

namespace holdfast::crash {
namespace {

// Opening the same repository a thousand times is not what is tested.
class KeysInMemory final : public repository::KeyCache {
 public:
  std::optional<codec::SecretKey> find(const RepositoryId& repository,
                                       std::string_view secret) override {
    const auto found = keys_.find({repository, std::string(secret)});
    return found == keys_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(const RepositoryId& repository, std::string_view secret,
            const codec::SecretKey& master) override {
    keys_.insert_or_assign({repository, std::string(secret)}, master);
  }
  void forget(const RepositoryId&) override { keys_.clear(); }

 private:
  std::map<std::pair<RepositoryId, std::string>, codec::SecretKey> keys_;
};

repository::KeyCache& keys_in_memory() {
  static KeysInMemory keys;
  return keys;
}

engine::BackupRequest backup_request(const Ground& ground) {
  engine::BackupRequest request;
  request.cache_directory = ground.cache();
  request.threads = 1;  // the order of operations is the same in each run
  return request;
}

}  // namespace

std::string content_of(const env::Path& file) { return sqlite::file_content(file); }

void make_database(const env::Path& path, int generation) {
  std::filesystem::create_directories(path.parent_path());
  sqlite::run_sql(path, fmt::format(R"(
    PRAGMA page_size = 1024;
    CREATE TABLE record (id INTEGER PRIMARY KEY, generation INTEGER, body BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO record SELECT i, {}, randomblob(400) FROM n;)",
                                    generation));
}

void change_database(const env::Path& path, int generation) {
  sqlite::run_sql(
      path,
      fmt::format("UPDATE record SET generation = {0}, body = randomblob(400) WHERE id % 7 = {1};"
                  "INSERT INTO record (generation, body) VALUES ({0}, randomblob(2000));",
                  generation, generation % 7));
}

void make_wide_database(const env::Path& path) {
  std::filesystem::create_directories(path.parent_path());
  sqlite::run_sql(path, R"(
    PRAGMA page_size = 4096;
    CREATE TABLE record (id INTEGER PRIMARY KEY, generation INTEGER, body BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
    INSERT INTO record SELECT i, 0, printf('%.*c', 3000, 'x') FROM n;)");
}

void rewrite_rows(const env::Path& path, int first, int last, int generation) {
  sqlite::run_sql(path, fmt::format("UPDATE record SET generation = {} WHERE id BETWEEN {} AND {}",
                                    generation, first, last));
}

Ground::Ground(const Ground& prepared)
    : promises(prepared.promises), before_restore(prepared.before_restore) {
  std::filesystem::copy(prepared.directory_.path(), directory_.path(),
                        std::filesystem::copy_options::recursive);
  std::filesystem::create_directories(root());
  std::filesystem::create_directories(scratch());
}

Process::Process(Ground& ground, env::FileSystem& files)
    : ground_(ground),
      files_(files),
      store_(files, ground.repository()),
      repository_(
          repository::Repository::open(store_, env::system_clock(), kSecret, keys_in_memory())) {}

void Process::create_repository(Ground& ground, env::FileSystem& files) {
  storage::LocalStore store(files, ground.repository());
  const auto created =
      repository::Repository::create(store, env::system_clock(), kSecret, "crash test", kFastCost);
  ground.promises.secrets = {std::string(kSecret), created.recovery_code};
}

void Process::back_up() {
  engine::BackupRequest request = backup_request(ground_);
  request.databases = {{.name = std::string(kDatabase), .path = ground_.source()}};
  const std::string content = content_of(ground_.source());
  ground_.promises.pending.push_back(content);
  const auto result = engine::back_up(repository_, files_, request, no_progress());
  ground_.promises.kept[result.snapshot.id] = content;
}

void Process::forget(const SnapshotId& id) {
  Promises& promises = ground_.promises;
  promises.leaving.insert(promises.kept.extract(id));
  for (const repository::Snapshot& snapshot : repository::list_snapshots(repository_).snapshots) {
    if (snapshot.id == id) repository::remove_snapshot(repository_, snapshot);
  }
  promises.leaving.erase(id);
  promises.forgotten.insert(id);
}

repository::PruneResult Process::prune(bool dry_run) {
  // Whoever left an intent is dead: the test itself is the one process, so only time can tell.
  return repository::prune(
      repository_, {.dry_run = dry_run, .intent_timeout = std::chrono::seconds(-1)}, no_progress());
}

void Process::restore_over_target(const SnapshotId& id, bool while_open) {
  engine::RestoreRequest request;
  request.database = kDatabase;
  request.target = ground_.target();
  request.safety = backup_request(ground_);
  request.threads = 1;
  request.while_open = while_open;
  request.busy_timeout = std::chrono::milliseconds(0);
  for (const repository::Snapshot& snapshot : repository::list_snapshots(repository_).snapshots) {
    if (snapshot.id != id) continue;
    engine::restore(repository_, files_, snapshot, request, no_progress());
    ground_.promises.restored = true;
  }
}

}  // namespace holdfast::crash
