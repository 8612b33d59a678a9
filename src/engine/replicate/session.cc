// The right to write, and whether what is at the path should be replicated at all.
#include <fmt/format.h>

#include <set>

#include "engine/replicate/replica.h"
#include "sqlite/health.h"

namespace holdfast::engine {
namespace {

using repository::Lease;

constexpr std::chrono::milliseconds kBusy{250};

}  // namespace

using Implementation = DatabaseReplicator::Implementation;

// One that is free is taken at once; for another a thread of its own watches, so that the scans of
// other databases need not wait.
void Implementation::take_lease(std::stop_token stop) {
  if (take_over_held_lease()) return;
  repository::LeaseOptions options = options_.lease;
  options.longest_wait = std::chrono::milliseconds(0);
  try {
    lease_taken(std::make_shared<Lease>(
        Lease::acquire(repository_, series_, options, options_.command, stop)));
    return;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLeaseHeld) throw;
    const std::lock_guard lock(mutex_);
    report_error(error.what());
    lease_watched_ = true;
    // Who was deposed leaves an idle holder alone for longer, or two would take turns for ever.
    if (deposed_) options.stale_after *= 10;
  }
  options.longest_wait =
      std::max(options_.lease.longest_wait, options.stale_after + 3 * options.look_every);
  lease_watcher_ = std::jthread([this, options](std::stop_token watcher_stop) {
    try {
      lease_taken(std::make_shared<Lease>(
          Lease::acquire(repository_, series_, options, options_.command, watcher_stop)));
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      report_error(error.what());
      lease_at_ = elapsed() + std::chrono::seconds(1);
    }
    const std::lock_guard lock(mutex_);
    lease_watched_ = false;
  });
}

// Nobody can come in between, as somebody could between releasing a lease and taking the next.
bool Implementation::take_over_held_lease() {
  std::shared_ptr<Lease> held;
  {
    const std::lock_guard lock(mutex_);
    held = held_;
  }
  if (!held) return false;
  const bool is_ours = held->confirm_now();
  {
    const std::lock_guard lock(mutex_);
    held_.reset();
  }
  if (is_ours) lease_taken(std::move(held));
  return is_ours;
}

void Implementation::lease_taken(std::shared_ptr<Lease> lease) {
  const std::lock_guard lock(mutex_);
  lease_ = std::move(lease);
  deposed_ = session_began_ = false;
  number_ = 0;
  learnt_ = {};
  last_checksum_.clear();
  scan_again(Duration(0));
  report_error("");
  progress_.notice(fmt::format("{}: writing branch {}", options_.database.name, lease_->branch()));
}

// A fresh file never takes the place of a full history.
bool Implementation::refuses_database() {
  if (options_.accept_fresh) return false;
  const std::vector<SnapshotId> ids = repository::snapshot_ids(repository_, series_);
  const std::set<SnapshotId> there(ids.begin(), ids.end());
  const repository::Timeline timeline = repository::load_timeline(repository_, series_, &there);
  const auto newest = repository::find_newest(timeline);
  if (!newest) return false;
  const auto snapshot = repository::find_snapshot(repository_, series_, newest->anchor.snapshot);
  if (!snapshot) return false;
  const repository::DatabaseState* state = snapshot->database(options_.database.name);
  if (state == nullptr || !state->damage.empty()) return false;
  const sqlite::PresenceReport found = sqlite::look_at_database(options_.database.path, kBusy);
  if (found.presence == sqlite::Presence::kMissing) {
    throw Error(ErrorCode::kDatabaseMissing, found.detail);
  }
  std::set<std::string> expected;
  for (const repository::TableCount& table : state->tables) {
    if (table.rows.value_or(0) > 0) expected.insert(table.name);
  }
  bool fresh = !sqlite::is_there(found.presence);
  std::string why = found.detail;
  if (!fresh && !expected.empty()) {
    fresh = true;
    for (const auto& table : sqlite::look_at_tables(options_.database.path, kBusy)) {
      if (!table.empty && expected.contains(table.name)) fresh = false;
    }
    why = "every table that had rows is missing or empty";
  }
  if (!fresh) return false;
  const std::lock_guard lock(mutex_);
  if (!refused_) {
    progress_.warning(fmt::format("{}: not replicated, because a full history stands beside it: {}",
                                  options_.database.name, why));
  }
  refused_ = true;
  scan_at_ = kNever;  // until something changes
  report_error(why);
  return true;
}

}  // namespace holdfast::engine
