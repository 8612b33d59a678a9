// What the tests of this folder share: a repository, a database that is protected, and the proof
// that a snapshot is what the database was.
#ifndef HOLDFAST_ENGINE_TEST_PROTECTION_H_
#define HOLDFAST_ENGINE_TEST_PROTECTION_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "engine/backup/backup.h"
#include "engine/restore/restore.h"
#include "env/clock.h"
#include "env/randomness.h"
#include "env/temporary_directory.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "sqlite/page_source.h"
#include "sqlite/test_database.h"
#include "storage/fault_store.h"
#include "storage/memory/memory_store.h"

namespace holdfast::engine {

using sqlite::file_content;
using sqlite::run_sql;

// The newest committed state of a database, as the file it would be.
inline std::string image_of(const std::filesystem::path& path) {
  const auto source = sqlite::open_page_source(path);
  source->advance();
  return sqlite::image_of(*source);
}

// `size` bytes that no compression shrinks, in SQL.
inline std::string rows_sql(int count, int size) {
  return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
         std::to_string(count) + ") INSERT INTO record (body) SELECT randomblob(" +
         std::to_string(size) + ") FROM n;";
}

class Protection {
 public:
  static constexpr const char* kName = "app";

  std::filesystem::path database() const { return directory / "app.db"; }
  std::filesystem::path cache() const { return directory / "cache"; }
  std::string sql(const std::string& text) const { return run_sql(database(), text); }

  BackupRequest request() const {
    BackupRequest request;
    request.databases = {{.name = kName, .path = database()}};
    request.cache_directory = cache();
    request.threads = 2;
    return request;
  }
  BackupResult back_up() { return back_up(request()); }
  BackupResult back_up(const BackupRequest& backup_request) {
    return engine::back_up(repository, *files, backup_request, no_progress());
  }
  std::string restored(const repository::Snapshot& snapshot, std::string_view name = kName) const {
    const std::filesystem::path copy = directory / ("copy-" + env::random_name());
    restore_copy(repository, env::posix_file_system(), *snapshot.database(name), copy, 2,
                 no_progress());
    std::string content = file_content(copy);
    std::filesystem::remove(copy);
    return content;
  }
  // Not EXPECT_EQ: nobody wants to see two databases.
  void expect_restored(const repository::Snapshot& snapshot, const std::string& image) const {
    EXPECT_TRUE(restored(snapshot) == image) << snapshot.name << " is something else";
  }
  std::vector<std::string> objects(std::string_view prefix) {
    std::vector<std::string> names;
    memory.list(prefix, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    return names;
  }

  env::TemporaryDirectory directory;
  env::FileSystem* files = &env::posix_file_system();
  storage::MemoryStore memory;
  storage::FaultStore store{memory, 1};
  repository::Repository repository =
      repository::Repository::create(store, env::system_clock(), std::nullopt, "tests").repository;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_TEST_PROTECTION_H_
