// Many databases in one process: one thread that waits for changes, a few that look and ship, and
// one that scans. Memory and descriptors are bounded by how many databases are active, not by how
// many there are: after ten idle seconds a database rests.
#ifndef HOLDFAST_ENGINE_REPLICATE_REPLICATION_H_
#define HOLDFAST_ENGINE_REPLICATE_REPLICATION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/replicate/database_replicator.h"
#include "env/file_watch.h"

namespace holdfast::engine {

struct ReplicationLimits {
  unsigned workers = 3;                    // that look and ship
  std::size_t overlay_bytes = 128u << 20;  // of all databases; the largest are closed first
  Duration idle_until_rest = std::chrono::seconds(10);
  Duration longest_finish = std::chrono::seconds(30);  // of all databases
};

// Thread safe. Starts its threads when made; the destructor stops them without shipping (as a crash
// would), so call finish() first.
class Replication {
 public:
  Replication(const repository::Repository& repository, env::FileSystem& files,
              ReplicationLimits limits, Progress& progress);
  ~Replication();
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  // Throws kUsage for a name that is there already.
  void add(ReplicationOptions options);
  // A database that is not to be followed any more: shipped, released, forgotten.
  void remove(std::string_view database);
  // Calls `look` now and whenever entries of `directory` change; it adds and removes databases.
  void watch_directory(const env::Path& directory, std::function<void()> look);

  std::vector<FollowerState> states() const;  // by name
  // Waits until every database follows (kFollowing), or is refused, or `longest` is over.
  bool wait_until_following(Duration longest);
  repository::Position flush(std::string_view database, Duration longest);
  // Everything shipped, leases released, threads ended. False if something is left in a backlog.
  bool finish();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_REPLICATION_H_
