// `holdfast replicate`, and the replication beside the application of `holdfast run`.
#ifndef HOLDFAST_SERVICE_REPLICATION_JOB_H_
#define HOLDFAST_SERVICE_REPLICATION_JOB_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/replicate/replication.h"
#include "service/adopt_job.h"
#include "service/copy_job.h"
#include "service/databases.h"
#include "service/local_state.h"
#include "service/session.h"

namespace holdfast::service {

// Commits that have become durable in the store.
struct DurableEvent {
  std::string database;
  repository::Position position;
  std::uint64_t commits = 0;  // since the position of the event before, on this branch; 0 at first
  Time seen{};                // when the last of them was seen
  Time durable{};
};

// Taken before replication begins, by database.
using HeldLeases = std::map<std::string, std::shared_ptr<repository::Lease>>;
// Lets the next ones in; who cannot be told waits until they are stale.
void release(HeldLeases& leases) noexcept;

struct ReplicationJob {
  std::vector<Database> databases;        // single files
  std::vector<DatabasePattern> patterns;  // files that come and go
  std::chrono::milliseconds lease_wait{0};
  bool accept_fresh = false;
  HeldLeases held{};  // replication goes on with them
  // Called on the threads that ship, by several at once for several databases; empty: nobody asks.
  std::function<void(const DurableEvent&)> on_durable;
};

// Made with everything that follows from configuration; uses the session only while it is made.
// Owns the held leases once it is made; those of databases that are not there are released then.
// The session, and `progress`, must outlive it.
class RunningReplication {
 public:
  RunningReplication(Session& session, const ReplicationJob& job, Progress& progress);
  engine::Replication& replication() { return *replication_; }
  // Writes the files that `status` reads, and says what has changed, each second until stopped.
  void publish_states(std::stop_token stop);
  // What `status` is to show beside the state: of the full check. Thread safe.
  void report_findings(const std::string& database, std::vector<std::string> findings);
  // Ships, releases, and publishes a last time, for no longer than `longest_end` of the
  // configuration and about a second: a store that is away then is given up. False if something is
  // left; of each such database it is said what is safe, and where the rest is. The session's store
  // answers nothing more.
  bool finish();

 private:
  void add(const Database& database);
  void follow_pattern(const DatabasePattern& pattern);
  void publish();
  void tell(const engine::FollowerState& before, const engine::FollowerState& now);
  void tell_of_what_is_left();

  const World& world_;
  storage::Store& store_;
  const std::chrono::seconds longest_end_;
  Progress& progress_;
  engine::ReplicationOptions common_;
  std::function<void(const DurableEvent&)> on_durable_;
  std::function<env::Path(const std::string&)> state_path_, backlog_path_;
  std::mutex patterns_mutex_;  // guards the following two; taken before Replication's own
  std::map<std::string, std::set<std::string>> of_patterns_;
  HeldLeases held_;

  std::mutex mutex_;  // guards the following two
  std::map<std::string, std::vector<std::string>> findings_;
  std::map<std::string, LocalState> published_;
  std::optional<CopyUpkeep> copies_;
  std::optional<AdoptionUpkeep> adoption_;
  std::unique_ptr<engine::Replication> replication_;  // last: its threads use all of the above
};

// Runs until `stop`; then ships and releases. The exit status: kCompletedWithWarnings' if something
// was left in a backlog.
int replicate(Session& session, const ReplicationJob& job, std::stop_token stop);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_REPLICATION_JOB_H_
