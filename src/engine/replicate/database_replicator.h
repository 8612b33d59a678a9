// One database, from its file into its timeline.
//
// Life: take the lease → begin following → scan into a snapshot and its anchor (engine::back_up) →
// look, ship, look, ship … → now and then close into the next snapshot. A loss of continuity begins
// following anew and scans again; the following begins *before* the scan and must be unbroken until
// a look after it, so nothing can fall between them. A scan during which it broke is repeated.
//
// The scan runs on the thread of scan_or_close(); looks go on meanwhile on the thread of step(),
// and are kept in the overlay until the scan has ended. Everything that touches the store goes
// through the backlog, so a store that is away delays nothing here.
//
// Thread safety: all members may be called from several threads. While one waits for the store in
// step(), another may look by calling it too; a second scan_or_close() waits for the first. Nothing
// here sleeps: each call says when it wants the next.
#ifndef HOLDFAST_ENGINE_REPLICATE_DATABASE_REPLICATOR_H_
#define HOLDFAST_ENGINE_REPLICATE_DATABASE_REPLICATOR_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "engine/backup/backup.h"
#include "engine/replicate/follower_state.h"
#include "engine/replicate/shared_snapshots.h"
#include "env/file_system.h"
#include "repository/lease.h"
#include "repository/repository.h"
#include "repository/timeline_retention.h"
#include "sqlite/wal_follower.h"

namespace holdfast::engine {

struct ReplicationOptions {
  BackupSource database;
  std::string command;
  env::Path cache_directory;    // digest tables; empty: in a temporary place
  env::Path backlog_directory;  // empty: backlog in memory only
  int compression_level = 1;    // of closings; segments always use the fastest

  Duration quiet_coalescing = std::chrono::microseconds(200);
  Duration busy_coalescing = std::chrono::milliseconds(12);  // from one look to the next under load
  // From one segment to the next, where requests cost time and money; 0: each look that finds
  // something ships it. The first commit after a pause never waits for it, nor does a closing.
  Duration ship_interval{0};
  std::size_t look_bytes = 8u << 20;      // a commit larger than this is learnt by a scan
  std::size_t overlay_bytes = 16u << 20;  // then the timeline is closed
  std::size_t reach_bytes = 1u << 20;     // most content that reaching back may put into a segment
  std::uint64_t close_segments = 16384;
  Duration close_interval = std::chrono::minutes(15);  // if anything changed
  Duration close_pause = std::chrono::seconds(30);     // nothing for so long after >= 64 segments
  Duration shortest_between_scans = std::chrono::seconds(1);  // doubles to 60 s while losses repeat
  repository::LeaseOptions lease;
  // Taken before, and handed over to be used and released; empty, or lost by then: one is taken.
  std::shared_ptr<repository::Lease> held;
  repository::TimelinePolicy retention;
  // What is found out once for many databases; null: each finds it out by itself.
  const SharedSnapshots* shared_snapshots = nullptr;
  bool accept_fresh = false;  // replicate even though a full history stands beside a fresh database
  // Called after each step that made commits durable, on the thread that shipped them: the newest
  // position in the store, and when its last commit was seen.
  std::function<void(const repository::Position&, Time)> on_durable;
};

class DatabaseReplicator {
 public:
  // Nothing is read or asked yet. Repository and files must outlive it.
  DatabaseReplicator(const repository::Repository& repository, env::FileSystem& files,
                     ReplicationOptions options, Progress& progress);
  ~DatabaseReplicator();
  DatabaseReplicator(const DatabaseReplicator&) = delete;
  DatabaseReplicator& operator=(const DatabaseReplicator&) = delete;

  // Who sees in which order the files change; before the first step.
  void set_witness(sqlite::Witness witness);

  struct Next {
    Duration look_after{};    // call step() again after this long even if nothing wakes it; the
                              // largest value: only when woken
    bool wants_scan = false;  // scan_or_close() has work to do
  };
  // After a change of the files, and when `look_after` is over: looks, seals and sends. `woken`
  // says that a file changed; without it an idle database is neither read nor opened. Errors of the
  // store and the database are kept in state(), and answered by when to try again; throws only
  // kInternal.
  Next step(bool woken);
  // Takes the lease, scans, repairs or closes, whichever is due; may take long. The same about
  // errors. Retention runs here, after a closing, at most once a minute.
  void scan_or_close(std::stop_token stop);

  // Looks a last time, sends everything and closes nothing; then releases the lease. False if
  // something may not be in the store when `longest` is over.
  bool finish(Duration longest);
  // Gives back descriptors and memory that an idle database does not need.
  void rest();

  std::size_t overlay_bytes() const;  // in memory since the last snapshot
  // Closes the timeline as soon as it can be: the memory is needed elsewhere.
  void close_soon();

  FollowerState state() const;
  // Makes sure that what is committed now is durable, for `mark` and for tests: the position.
  // Throws kUnavailable after `longest`.
  repository::Position flush(Duration longest);

  class Implementation;  // replica.h

 private:
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_DATABASE_REPLICATOR_H_
