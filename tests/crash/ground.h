// Where a crash test happens: a repository, a cache and a place for restored databases below one
// root that can lose its power, and beside it the database that is protected.
#ifndef HOLDFAST_TESTS_CRASH_GROUND_H_
#define HOLDFAST_TESTS_CRASH_GROUND_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "env/file_system.h"
#include "env/temporary_directory.h"
#include "repository/prune.h"
#include "repository/repository.h"
#include "storage/local/local_store.h"

namespace holdfast::crash {

inline constexpr std::string_view kDatabase = "app";
inline constexpr std::string_view kSecret = "correct horse battery staple";
inline constexpr codec::PassphraseCost kFastCost{.memory_bytes = 8u << 20, .passes = 1};

std::string content_of(const env::Path& file);
// Rows enough for a few hundred pages; `generation` decides about their content.
void make_database(const env::Path& path, int generation);
// Changes a few rows in all parts of the database.
void change_database(const env::Path& path, int generation);
// The same with a row to a page, and so many pages that they take three blobs.
void make_wide_database(const env::Path& path);
void rewrite_rows(const env::Path& path, int first, int last, int generation);

// What somebody was told, and what was under way when nobody could be told any more.
struct Promises {
  std::map<SnapshotId, std::string> kept;  // acknowledged snapshots and the bytes of their database
  std::map<SnapshotId, std::string> leaving;  // being forgotten: there or not
  std::set<SnapshotId> forgotten;             // gone for good
  std::vector<std::string> pending;           // databases being backed up
  std::set<std::string> secrets;              // that open the repository
  std::set<std::string> revoked;              // that do not
  bool restored = false;                      // the target is the snapshot's
};

class Ground {
 public:
  Ground() = default;
  explicit Ground(const Ground& prepared);  // a copy in a place of its own
  Ground& operator=(const Ground&) = delete;

  env::Path root() const { return directory_ / "root"; }
  env::Path repository() const { return root() / "repo"; }
  env::Path cache() const { return root() / "cache"; }
  env::Path target() const { return root() / "target" / "app.db"; }
  env::Path source() const { return directory_ / "source" / "app.db"; }
  env::Path scratch() const { return directory_ / "scratch"; }

  Promises promises;
  std::string before_restore;  // rows of the database at the target

 private:
  env::TemporaryDirectory directory_;
};

// One life of a program that works on the ground.
class Process {
 public:
  Process(Ground& ground, env::FileSystem& files);

  static void create_repository(Ground& ground, env::FileSystem& files);

  const repository::Repository& repository() const { return repository_; }
  storage::Store& store() { return store_; }
  void back_up();
  void forget(const SnapshotId& id);
  repository::PruneResult prune(bool dry_run = false);
  void restore_over_target(const SnapshotId& id, bool while_open = false);

 private:
  Ground& ground_;
  env::FileSystem& files_;
  storage::LocalStore store_;
  repository::Repository repository_;
};

}  // namespace holdfast::crash

#endif  // HOLDFAST_TESTS_CRASH_GROUND_H_
