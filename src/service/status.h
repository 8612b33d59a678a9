// `holdfast status`: what is safe now, per database (C7).
#ifndef HOLDFAST_SERVICE_STATUS_H_
#define HOLDFAST_SERVICE_STATUS_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "repository/lease.h"
#include "repository/proof.h"
#include "repository/snapshot.h"
#include "service/adopt_job.h"
#include "service/databases.h"
#include "service/local_state.h"
#include "service/session.h"

namespace holdfast::service {

// What a copy of the repository has of a database.
struct CopyStatus {
  std::string name, place;
  std::string away;            // why it cannot be looked at; empty if it can
  std::optional<Time> newest;  // of the states that it could give back
  // How much older that is than what the first repository has; empty if that is not known, or if
  // there is nothing in the copy.
  std::optional<double> behind_seconds;
};

struct DatabaseStatus {
  std::string database;
  env::Path path;
  bool store_reachable = true;
  std::optional<repository::Snapshot> last_snapshot;  // undamaged, with this database
  std::optional<repository::Position> last_position;  // the newest durable one
  std::optional<Time> last_commit;                    // its time
  std::optional<LocalState> replicator;               // of a living one on this host
  double lag_seconds = 0;  // of commits seen and not durable; without a replicator, how much later
                           // the file changed than the last position or snapshot
  std::optional<repository::LeaseInfo> lease;
  bool lease_holder_alive = false;  // certainly: a process of this host
  std::optional<repository::Proof> last_proof;
  std::optional<Time> last_verification;  // from the log
  std::size_t side_branches = 0;
  std::vector<WaitingSessions> sealed;  // of all machines, whatever their databases
  std::vector<CopyStatus> copies;       // of those that are configured, in their order
  std::string storage_warning;          // C4
  std::vector<std::string> problems;    // empty: healthy
  bool healthy() const { return problems.empty(); }
};

// Never throws for one database what can be said as its problem. A store that is away is a problem,
// and the local state file still tells the lag.
std::vector<DatabaseStatus> status(Session& session, std::span<const Database> databases);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_STATUS_H_
