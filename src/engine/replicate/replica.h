// The inside of DatabaseReplicator: what its parts share. database_replicator.cc decides when,
// shipping.cc looks and sends, session.cc takes the lease, scanning.cc reads the database,
// upkeep.cc closes and thins.
#ifndef HOLDFAST_ENGINE_REPLICATE_REPLICA_H_
#define HOLDFAST_ENGINE_REPLICATE_REPLICA_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/replicate/backlog.h"
#include "engine/replicate/database_replicator.h"
#include "engine/replicate/known_state.h"
#include "env/temporary_directory.h"
#include "repository/lease.h"
#include "repository/snapshot.h"
#include "repository/timeline.h"
#include "sqlite/wal_follower.h"

namespace holdfast::engine {

inline constexpr Duration kNever = Duration::max();
// A database without a log is read after so long at the latest.
inline constexpr std::chrono::milliseconds kLongestUnread{1000};

// A log that has been there for so long stays, most likely.
inline constexpr std::chrono::milliseconds kYoung{50};

// Grows with each failure, and begins anew after a success.
class Patience {
 public:
  Patience(Duration shortest, Duration longest)
      : shortest_(shortest), longest_(longest), next_(shortest) {}
  Duration next() { return std::exchange(next_, std::min(next_ * 2, longest_)); }
  void reset() { next_ = shortest_; }

 private:
  Duration shortest_, longest_, next_;
};

class DatabaseReplicator::Implementation {
 public:
  Implementation(const repository::Repository& repository, env::FileSystem& files,
                 ReplicationOptions options, Progress& progress);
  ~Implementation();

  void set_witness(sqlite::Witness witness);
  Next step(bool woken);
  void scan_or_close(std::stop_token stop);
  bool finish(Duration longest);
  void rest();
  FollowerState state() const;
  repository::Position flush(Duration longest);
  std::size_t overlay_bytes() const;
  void close_soon();

 private:
  enum class Mode {
    kNone,   // nothing is known yet, or continuity was lost
    kLog,    // every commit is learnt from the log
    kStamp,  // no log to follow: a change of the files means a scan
  };
  enum class Job { kNone, kLease, kFullScan, kLightScan, kClose };

  // Size, modification and identity of the database's files.
  struct Stamp {
    struct File {
      std::uint64_t size = 0, identity = 0;
      Time modified{};
      bool operator==(const File&) const = default;
    };
    std::optional<File> database, log, journal;
    Time newest{};  // modification of any of them
    bool operator==(const Stamp&) const = default;
  };

  // What was learnt while a scan was under way.
  struct Pending {
    std::map<std::uint32_t, Bytes> pages;
    std::size_t bytes = 0;
    std::uint64_t commits = 0;
    sqlite::Geometry geometry;
    Time seen{};
  };

  // The newest state that is known, which may be in no segment yet.
  struct Learnt {
    std::uint64_t number = 0;
    bool unsealed = false, scanned = false;
    std::size_t bytes = 0;  // of the looks that are not sealed
    Time first_seen{}, seen{};
  };

  // All with mutex_ held, unless a section says otherwise.
  // database_replicator.cc
  void note_change();
  bool follow_again();
  void take_step();
  Job due_job() const;
  Duration close_at() const;
  bool looks() const { return scanning_ ? log_follows_ : mode_ == Mode::kLog; }
  Next next() const;
  Duration light_scan_at() const;
  void run_job(Job job, std::stop_token stop);  // without it
  void job_failed(Job job, const Error& error);
  bool hurry(std::uint64_t scans_wanted);  // towards everything being durable; whether it is
  bool ship_everything(Duration longest);  // without it
  bool ship_at_last(Duration longest);     // without it; false if something may be left
  Phase phase() const;
  void report();
  void report_error(std::string_view what);
  Duration elapsed() const { return repository_.clock().elapsed(); }

  // shipping.cc
  void look();
  void schedule_look();
  Duration spacing() const;
  void look_at(Duration moment) { look_at_ = std::min(look_at_.value_or(kNever), moment); }
  void learn(const sqlite::Look& found);
  void keep_pending(const sqlite::Look& found);
  bool apply(std::uint64_t commits, const sqlite::Geometry& geometry,
             std::span<const std::uint32_t> pages, ByteView content, Time seen, bool scanned);
  void ship_learnt();
  void seal();
  std::uint64_t reach_back(std::size_t own_bytes) const;
  bool send();
  bool confirm();
  void confirm_last();
  bool send_backlog();
  bool is_shipped() const { return backlog_.empty() && !unconfirmed_ && !learnt_.unsealed; }
  void shipped();
  void lose(sqlite::Loss loss, std::string_view detail);
  void depose();
  void forget_known();
  void scan_again(Duration after);
  void read_soon();

  // session.cc; without mutex_
  void take_lease(std::stop_token stop);
  bool take_over_held_lease();
  void lease_taken(std::shared_ptr<repository::Lease> lease);
  bool refuses_database();

  // scanning.cc; without mutex_ but where it is said
  void full_scan();
  void light_scan();
  bool is_marked_like(const sqlite::PageSource& source) const;
  bool needs_light_scan();  // with it
  void begin_scan();        // with it
  bool end_scan();          // with it: whether everything up to now was learnt
  void apply_pending();     // with it
  void go_on_from(const repository::AnchorName& anchor, const repository::Snapshot& snapshot);
  repository::Snapshot back_up_now();
  repository::Anchor relate(const repository::DatabaseState& state);
  void relate_to_history(const repository::DatabaseState& state, repository::AnchorName& name);
  std::string checksum_of(const repository::Timeline& timeline,
                          const repository::Position& position);
  static bool on_main_line(const repository::Timeline& timeline,
                           const repository::Position& position);
  repository::AnchorName put_confirmed(repository::Anchor anchor,
                                       const repository::Snapshot& snapshot);
  env::Path cache_directory();
  env::Path table_path();
  Stamp stamp() const;

  // upkeep.cc; without mutex_
  void close();
  void thin_timeline();
  void remove_leftovers();

  const repository::Repository& repository_;
  env::FileSystem& files_;
  const ReplicationOptions options_;
  Progress& progress_;
  const std::string series_;
  std::optional<env::TemporaryDirectory> own_cache_;

  std::mutex job_mutex_;      // held by whoever scans or closes
  mutable std::mutex mutex_;  // everything below
  Backlog backlog_;
  sqlite::WalFollower follower_;
  KnownState known_;
  std::shared_ptr<repository::Lease> held_;  // handed over, and not taken up yet
  std::shared_ptr<repository::Lease> lease_;
  bool lease_watched_ = false;

  Mode mode_ = Mode::kNone;
  bool stopped_ = false, deposed_ = false, refused_ = false;
  bool scanning_ = false, closing_ = false;
  bool session_began_ = false;  // an anchor of this branch is there
  bool needs_scan_ = true;      // of the kind that ends in a snapshot
  bool scan_broke_ = false;     // following was lost while the scan was under way
  bool log_follows_ = false;    // the scan under way has a log to go on from
  bool close_wanted_ = false;
  bool unconfirmed_ = false;  // all is sent, and the lease not asked since
  bool sending_ = false;      // a thread waits for the store, without mutex_
  bool lost_ = false;         // a loss waits for its repair
  bool replaced_ = false;     // it was another file at the path
  std::uint64_t epoch_ = 0;   // of following: another one after each loss
  std::uint64_t scans_ = 0;   // that have ended well
  Pending pending_;
  bool known_outdated_ = false;  // to be forgotten when the scan under way has ended

  repository::Snapshot snapshot_;       // the last anchor's
  std::vector<std::uint64_t> numbers_;  // the last anchor's, then of each segment since
  std::uint64_t number_ = 0;            // the newest position that has a segment or an anchor
  Learnt learnt_;
  std::string last_checksum_;   // at that position
  Stamp scan_stamp_, stamp_;    // before the scan under way; before the last one
  bool stamp_settled_ = false;  // nothing can have changed without changing it

  // By the elapsed clock.
  std::optional<Duration> look_at_, confirm_at_, first_change_, last_change_;
  Duration last_look_{}, scan_began_{}, last_scan_{}, last_attempt_{}, last_close_{}, last_thin_{},
      last_commit_{};
  Duration log_is_young_until_{};
  Duration send_at_{}, ship_at_{}, lease_at_{}, scan_at_{}, close_at_{};
  std::size_t misses_ = 0;
  std::uint64_t last_commits_ = 0;  // of the last look that found any
  Patience store_patience_{std::chrono::milliseconds(200), std::chrono::seconds(5)};
  Patience error_patience_{std::chrono::milliseconds(500), std::chrono::seconds(60)};
  Patience loss_patience_;

  std::optional<Time> gap_since_;  // commits that are in no segment
  Time last_seen_{};               // of the newest position

  mutable std::mutex report_mutex_;
  FollowerState report_;

  std::jthread lease_watcher_;  // last: it uses all of them
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_REPLICA_H_
