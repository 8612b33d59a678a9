// `holdfast replicate`, and the replication beside the application of `holdfast run`.
#ifndef HOLDFAST_SERVICE_REPLICATION_JOB_H_
#define HOLDFAST_SERVICE_REPLICATION_JOB_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/replicate/replication.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

struct ReplicationJob {
  std::vector<Database> databases;    // single files
  std::vector<std::string> patterns;  // "tenants/*.db", absolute: files that come and go; each is
                                      // called like its pattern's database, '/' and its stem
  std::chrono::milliseconds lease_wait{0};
  bool accept_fresh = false;
};

// The databases of one pattern now, by path. Only the last component may have wildcards; files
// ending in -wal, -shm and -journal are none.
std::vector<Database> expand_pattern(const std::string& pattern, std::string_view name,
                                     const World& world);

// Made with everything that follows from configuration. Session must outlive it.
class RunningReplication {
 public:
  RunningReplication(Session& session, const ReplicationJob& job);
  engine::Replication& replication() { return *replication_; }
  // Writes the state file that `status` reads (below the cache directory, every second while
  // something changes) until stopped.
  void publish_states(std::stop_token stop);
  bool finish();

 private:
  Session& session_;
  std::unique_ptr<engine::Replication> replication_;
};

// Runs until `stop`; then ships and releases. The exit status: kCompletedWithWarnings' if something
// was left in a backlog.
int replicate(Session& session, const ReplicationJob& job, std::stop_token stop);

// `holdfast mark NAME`: the newest durable position of each database gets a name. With a replicator
// at work on this host, what is committed now is waited for first (through the state file), up to
// `longest`.
struct MarkedPosition {
  std::string database;
  repository::Mark mark;
};
std::vector<MarkedPosition> mark(Session& session, std::span<const Database> databases,
                                 const std::string& name, Duration longest);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_REPLICATION_JOB_H_
