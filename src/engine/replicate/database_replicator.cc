// When what is done: see replica.h for the parts.
#include "engine/replicate/database_replicator.h"

#include <fmt/format.h>

#include "engine/replicate/replica.h"

namespace holdfast::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuiet{50};  // a database without a log is read when it was quiet so long
constexpr std::size_t kSmallOverlay = 256u << 10;  // not worth a snapshot of its own
constexpr std::uint64_t kFewSegments = 64;
constexpr milliseconds kWaitingTurn{5};  // between two steps of somebody who waits

}  // namespace

using Implementation = DatabaseReplicator::Implementation;
using Next = DatabaseReplicator::Next;

double FollowerState::lag_seconds(Time now) const {
  if (!oldest_waiting || *oldest_waiting >= now) return 0;
  return std::chrono::duration<double>(now - *oldest_waiting).count();
}

Implementation::Implementation(const repository::Repository& repository, env::FileSystem& files,
                               ReplicationOptions options, Progress& progress)
    : repository_(repository),
      files_(files),
      options_(std::move(options)),
      progress_(progress),
      series_(repository::timeline_series(repository, options_.database.name)),
      backlog_(repository, files, options_.backlog_directory, {}),
      follower_(options_.database.path),
      known_(repository, files),
      held_(options_.held),
      loss_patience_(options_.shortest_between_scans, std::chrono::seconds(60)) {
  report_.database = options_.database.name;
}

Implementation::~Implementation() = default;

void Implementation::set_witness(sqlite::Witness witness) {
  const std::lock_guard lock(mutex_);
  follower_.set_witness(std::move(witness));
}

void Implementation::note_change() {
  const Duration now = elapsed();
  misses_ = 0;
  if (looks()) {
    // The log of an application that opens the database for each request is gone soon: it must be
    // open here by then.
    const bool is_brief = follower_.is_between_logs() || now < log_is_young_until_;
    look_at(is_brief ? now : std::max(now + options_.quiet_coalescing, last_look_ + spacing()));
  }
  // Also during a scan, which may end without a log to follow.
  if (scanning_ || (mode_ == Mode::kStamp && !follow_again())) {
    first_change_ = std::min(first_change_.value_or(now), now);
    last_change_ = now;
  }
  if (mode_ == Mode::kNone && needs_scan_ && !scanning_ && (refused_ || !session_began_)) {
    scan_at_ = std::min(scan_at_, std::max(now + Duration(kQuiet),
                                           last_attempt_ + options_.shortest_between_scans));
  }
}

// Somebody has opened the database, so that there is a log to follow. Where nothing was written
// before that, nothing need be read.
bool Implementation::follow_again() {
  if (!stamp_settled_ || !follower_.begin()) return false;
  if (stamp() != stamp_) {
    read_soon();
    return true;
  }
  mode_ = Mode::kLog;
  first_change_.reset();
  last_change_.reset();
  look_at(elapsed() + options_.quiet_coalescing);
  return true;
}

void Implementation::take_step() {
  if (!is_shipped()) send();
  if (confirm_at_ && elapsed() >= *confirm_at_) confirm_last();
  ship_learnt();
  if (look_at_ && looks() && elapsed() >= *look_at_) look();
}

Duration Implementation::light_scan_at() const {
  if (mode_ != Mode::kStamp || !first_change_) return kNever;
  return std::max(scan_at_, std::min(*last_change_ + Duration(kQuiet),
                                     *first_change_ + Duration(kLongestUnread)));
}

// When the timeline wants to be closed, as things are.
Duration Implementation::close_at() const {
  if (mode_ == Mode::kNone || !known_.valid() || numbers_.size() < 2) return kNever;
  const std::size_t bytes = known_.overlay().bytes();
  const std::uint64_t segments = numbers_.size() - 1;
  Duration moment = last_close_ + options_.close_interval;
  if (segments >= kFewSegments || bytes >= kSmallOverlay) {
    moment = std::min(moment, last_commit_ + options_.close_pause);
  }
  if (close_wanted_ || bytes > options_.overlay_bytes || segments >= options_.close_segments) {
    moment = Duration(0);
  }
  return std::max(moment, close_at_);
}

Implementation::Job Implementation::due_job() const {
  const Duration now = elapsed();
  if (stopped_ || scanning_ || closing_) return Job::kNone;
  if (light_scan_at() <= now) return Job::kLightScan;
  if (!is_shipped() || now < send_at_) return Job::kNone;
  if (!lease_ || deposed_) {
    return !lease_watched_ && now >= lease_at_ ? Job::kLease : Job::kNone;
  }
  if (needs_scan_) return now >= scan_at_ ? Job::kFullScan : Job::kNone;
  if (known_.valid() && !known_.has_content()) return Job::kFullScan;
  return close_at() <= now ? Job::kClose : Job::kNone;
}

Next Implementation::next() const {
  if (stopped_) return {.look_after = kNever, .wants_scan = false};
  const Duration now = elapsed();
  Duration moment = kNever;
  const auto consider = [&](Duration when) { moment = std::min(moment, when); };
  // One that is due is told by `wants_scan`, and may have to wait for its turn.
  const auto consider_job = [&](Duration when) {
    if (when > now) consider(when);
  };
  if (look_at_ && looks()) consider(*look_at_);
  if (confirm_at_) consider(*confirm_at_);
  if (!is_shipped() && !sending_) {
    const bool sealed = !backlog_.empty() || unconfirmed_;
    consider(sealed ? send_at_ : std::max(send_at_, ship_at_));
  }
  if (!scanning_ && !closing_) {
    consider_job(light_scan_at());
    if (!lease_ || deposed_) {
      consider_job(lease_watched_ ? now + Duration(milliseconds(250)) : lease_at_);
    } else if (needs_scan_) {
      consider_job(std::max(scan_at_, send_at_));
    } else {
      consider_job(close_at());
    }
  }
  return {.look_after = moment == kNever ? kNever : std::max(Duration(0), moment - now),
          .wants_scan = due_job() != Job::kNone};
}

Next Implementation::step(bool woken) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return next();
  try {
    if (woken) note_change();
    take_step();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    report_error(error.what());
    look_at(elapsed() + Duration(milliseconds(500)));
  }
  report();
  return next();
}

void Implementation::run_job(Job job, std::stop_token stop) {
  try {
    switch (job) {
      case Job::kNone:
        break;
      case Job::kLease:
        take_lease(stop);
        break;
      case Job::kFullScan:
        full_scan();
        break;
      case Job::kLightScan:
        light_scan();
        break;
      case Job::kClose:
        close();
        thin_timeline();
        break;
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    const std::lock_guard lock(mutex_);
    job_failed(job, error);
  }
  const std::lock_guard lock(mutex_);
  report();
}

void Implementation::job_failed(Job job, const Error& error) {
  report_error(error.what());
  if (job == Job::kFullScan || job == Job::kLightScan) {
    scanning_ = log_follows_ = false;
    pending_ = {};
    if (known_outdated_) forget_known();
  }
  closing_ = false;
  const Duration now = elapsed();
  last_attempt_ = now;
  const Duration later =
      now + (is_store_away(error) ? store_patience_.next() : error_patience_.next());
  switch (job) {
    case Job::kNone:
      break;
    case Job::kLease:
      lease_at_ = later;
      break;
    case Job::kFullScan:
      needs_scan_ = true;
      scan_at_ = later;
      break;
    case Job::kLightScan:
      stamp_settled_ = false;
      first_change_ = last_change_ = now;
      scan_at_ = later;
      break;
    case Job::kClose:
      close_at_ = later;
      // What it goes on from is not what it should be: only reading the database helps.
      if (error.code() == ErrorCode::kChecksumMismatch ||
          error.code() == ErrorCode::kMissingObject || error.code() == ErrorCode::kDamagedObject) {
        progress_.notice(fmt::format("{}: {}; the database is read again", options_.database.name,
                                     error.what()));
        ++epoch_;
        scan_again(Duration(0));
      }
      break;
  }
}

void Implementation::scan_or_close(std::stop_token stop) {
  const std::lock_guard running(job_mutex_);
  Job job = Job::kNone;
  {
    const std::lock_guard lock(mutex_);
    job = due_job();
  }
  run_job(job, stop);
}

bool Implementation::hurry(std::uint64_t scans_wanted) {
  ship_at_ = Duration(0);
  if (!is_shipped()) send();
  ship_learnt();
  if (deposed_) return is_shipped();
  if (scanning_) return false;
  if (mode_ == Mode::kLog) {
    misses_ = 0;
    look();
    return mode_ == Mode::kLog && is_shipped();
  }
  if (mode_ == Mode::kStamp) {
    if (scans_ >= scans_wanted) return is_shipped();
    read_soon();
    scan_at_ = Duration(0);
  }
  return false;
}

bool Implementation::ship_everything(Duration longest) {
  const Duration deadline = elapsed() + longest;
  std::uint64_t scans_wanted = 0;
  {
    const std::lock_guard lock(mutex_);
    scans_wanted = scans_ + (scanning_ ? 2 : 1);
    if (needs_scan_ && scan_at_ != kNever) scan_at_ = std::min(scan_at_, elapsed());
  }
  while (true) {
    Job job = Job::kNone;
    {
      const std::lock_guard lock(mutex_);
      const bool done = hurry(scans_wanted);
      report();
      if (done) return true;
      job = due_job();
    }
    if (job != Job::kNone) {
      const std::unique_lock running(job_mutex_, std::try_to_lock);
      if (running) run_job(job, {});
    }
    if (elapsed() >= deadline) return false;
    repository_.clock().wait(kWaitingTurn, {});
  }
}

repository::Position Implementation::flush(Duration longest) {
  const bool shipped_all = ship_everything(longest);
  const std::lock_guard lock(mutex_);
  if (!shipped_all || !session_began_) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("what {} has committed is not in the store yet: {}",
                            options_.database.name, state().last_error));
  }
  return {lease_->branch(), number_};
}

// Who never got the lease because the store failed asks for it once more: else a commit would be in
// the database only, and nobody would say so.
bool Implementation::ship_at_last(Duration longest) {
  bool has_lease = false;
  bool began = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || refused_ || lease_watched_) return true;
    has_lease = lease_ != nullptr;
    began = session_began_;
  }
  std::error_code missing;
  if (!began && (file_size(options_.database.path, missing) == 0 || missing)) return true;
  if (!has_lease) {
    const std::lock_guard running(job_mutex_);
    run_job(Job::kLease, {});
    const std::lock_guard lock(mutex_);
    if (!lease_) return lease_watched_;  // another one follows it
  }
  return ship_everything(longest);
}

bool Implementation::finish(Duration longest) {
  const bool shipped = ship_at_last(longest);
  lease_watcher_ = {};
  const std::lock_guard running(job_mutex_);
  const std::lock_guard lock(mutex_);
  if (!is_shipped()) send();
  if (!is_shipped()) backlog_.hold("stopped before it was sent");
  const auto& lease = held_ ? held_ : lease_;
  if (lease && !deposed_) {
    try {
      lease->release();
    } catch (const Error& error) {
      report_error(error.what());
    }
  }
  stopped_ = true;
  follower_.rest();
  known_.forget();
  report();
  return shipped && backlog_.empty() && !gap_since_;
}

void Implementation::rest() {
  const std::lock_guard lock(mutex_);
  if (scanning_ || closing_) return;
  follower_.rest();
  known_.rest();
}

std::size_t Implementation::overlay_bytes() const {
  const std::lock_guard lock(mutex_);
  return known_.overlay().bytes() + pending_.bytes;
}

void Implementation::close_soon() {
  const std::lock_guard lock(mutex_);
  close_wanted_ = true;
}

Phase Implementation::phase() const {
  if (stopped_) return Phase::kStopped;
  if (refused_) return Phase::kRefused;
  if (deposed_) return Phase::kDeposed;
  if (!lease_) return Phase::kWaiting;
  if (gap_since_ || (!is_shipped() && !backlog_.last_failure().empty())) return Phase::kDetached;
  if (mode_ != Mode::kNone) return Phase::kFollowing;
  return scanning_ || session_began_ ? Phase::kScanning : Phase::kWaiting;
}

void Implementation::report() {
  const std::lock_guard lock(report_mutex_);
  report_.phase = phase();
  report_.oldest_waiting = backlog_.oldest();
  if (!report_.oldest_waiting && learnt_.unsealed) report_.oldest_waiting = learnt_.first_seen;
  if (gap_since_ && (!report_.oldest_waiting || *gap_since_ < *report_.oldest_waiting)) {
    report_.oldest_waiting = gap_since_;
  }
  report_.backlog_bytes = backlog_.bytes();
  report_.bytes_sent = backlog_.bytes_sent();
}

void Implementation::report_error(std::string_view what) {
  const std::lock_guard lock(report_mutex_);
  report_.last_error = what;
}

FollowerState Implementation::state() const {
  const std::lock_guard lock(report_mutex_);
  return report_;
}

DatabaseReplicator::DatabaseReplicator(const repository::Repository& repository,
                                       env::FileSystem& files, ReplicationOptions options,
                                       Progress& progress)
    : implementation_(
          std::make_unique<Implementation>(repository, files, std::move(options), progress)) {}
DatabaseReplicator::~DatabaseReplicator() = default;

void DatabaseReplicator::set_witness(sqlite::Witness witness) {
  implementation_->set_witness(std::move(witness));
}
Next DatabaseReplicator::step(bool woken) { return implementation_->step(woken); }
void DatabaseReplicator::scan_or_close(std::stop_token stop) {
  implementation_->scan_or_close(std::move(stop));
}
bool DatabaseReplicator::finish(Duration longest) { return implementation_->finish(longest); }
void DatabaseReplicator::rest() { implementation_->rest(); }
std::size_t DatabaseReplicator::overlay_bytes() const { return implementation_->overlay_bytes(); }
void DatabaseReplicator::close_soon() { implementation_->close_soon(); }
FollowerState DatabaseReplicator::state() const { return implementation_->state(); }
repository::Position DatabaseReplicator::flush(Duration longest) {
  return implementation_->flush(longest);
}

}  // namespace holdfast::engine
