// What replication says of one database: for status, logs and tests. A plain value.
#ifndef HOLDFAST_ENGINE_REPLICATE_FOLLOWER_STATE_H_
#define HOLDFAST_ENGINE_REPLICATE_FOLLOWER_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "base/time.h"
#include "repository/timeline.h"

namespace holdfast::engine {

enum class Phase {
  kWaiting,    // for the lease, or for the database to be there
  kScanning,   // reading the database into a snapshot
  kFollowing,  // everything is learnt as it is committed
  kDetached,   // the store is away; the backlog grows
  kDeposed,    // another holder has the lease: what is sent goes to a side branch
  kRefused,    // the database is fresh or foreign beside a full history, and nobody allowed it
  kStopped,
};

struct FollowerState {
  std::string database;
  Phase phase = Phase::kWaiting;
  repository::Position position;       // the last that is durable in the store
  std::optional<Time> durable_commit;  // when that was seen
  std::optional<Time> oldest_waiting;  // the first commit seen and not yet durable
  SnapshotId snapshot;                 // the last anchor's
  std::optional<Time> snapshot_time;
  std::uint64_t segments = 0, bytes_sent = 0, backlog_bytes = 0;
  std::uint64_t continuity_proved = 0;    // looks with commits, none lost
  std::uint64_t continuity_repaired = 0;  // losses that a scan repaired
  std::string last_loss, last_error;      // why; empty without one
  double lag_seconds(Time now) const;     // 0 when nothing waits
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_FOLLOWER_STATE_H_
