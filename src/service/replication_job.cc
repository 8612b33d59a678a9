#include "service/replication_job.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "base/error.h"
#include "service/quiet_progress.h"

namespace holdfast::service {
namespace {

using engine::FollowerState;
using engine::Phase;
using std::chrono::milliseconds;

// Between segments where requests cost money and time: nine thousand an hour under constant load,
// and every commit durable within half a second.
constexpr milliseconds kCostlyShipInterval{400};

// Commits between one event and the next of a database; events of one database come one by one.
class EventCounter {
 public:
  std::uint64_t commits_until(const repository::Position& position) {
    const auto before = std::exchange(last_, position);
    return before.branch == position.branch && before.number < position.number
               ? position.number - before.number
               : 0;
  }

 private:
  repository::Position last_;
};

bool same(const LocalState& a, const LocalState& b) {
  const FollowerState &x = a.follower, &y = b.follower;
  return x.phase == y.phase && x.position == y.position && x.oldest_waiting == y.oldest_waiting &&
         x.snapshot == y.snapshot && x.segments == y.segments && x.bytes_sent == y.bytes_sent &&
         x.backlog_bytes == y.backlog_bytes && x.continuity_proved == y.continuity_proved &&
         x.continuity_repaired == y.continuity_repaired && x.last_loss == y.last_loss &&
         x.last_error == y.last_error && a.findings == b.findings;
}

}  // namespace

void release(HeldLeases& leases) noexcept {
  for (auto& [database, lease] : leases) {
    try {
      lease->release();
    } catch (const Error&) {
      // It is taken over when it is stale.
    }
  }
  leases.clear();
}

RunningReplication::RunningReplication(Session& session, const ReplicationJob& job,
                                       Progress& progress)
    : world_(session.world()),
      store_(session.repository().store()),
      longest_end_(session.configuration().replication.longest_end),
      progress_(progress),
      on_durable_(job.on_durable),
      held_(job.held) {
  const ReplicationSettings& settings = session.configuration().replication;
  common_.command = session.command();
  common_.cache_directory = session.cache_directory();
  common_.close_interval = settings.close_interval;
  common_.lease.stale_after = settings.lease_stale;
  common_.lease.longest_wait = job.lease_wait;
  common_.ship_interval = settings.ship_interval.value_or(
      session.store().capabilities().costly ? kCostlyShipInterval : milliseconds(0));
  common_.retention = settings.keep;
  common_.accept_fresh = job.accept_fresh;
  state_path_ = [&session](const std::string& name) { return state_file(session, name); };
  backlog_path_ = [&session](const std::string& name) { return backlog_folder(session, name); };
  replication_ = std::make_unique<engine::Replication>(
      session.repository(), world_.files,
      engine::ReplicationLimits{.longest_finish = settings.longest_end}, progress_);
  copies_.emplace(session, progress);
  adoption_.emplace(session, settings.adopt_every, [this] { copies_->note_change(); }, progress);
  for (const Database& database : job.databases) add(database);
  for (const DatabasePattern& pattern : job.patterns) follow_pattern(pattern);
  const std::lock_guard lock(patterns_mutex_);
  release(held_);
}

void RunningReplication::add(const Database& database) {
  engine::ReplicationOptions options = common_;
  options.database = {.name = database.name, .path = database.source.path};
  options.backlog_directory = backlog_path_(database.name);
  if (const auto held = held_.extract(database.name)) options.held = held.mapped();
  if (on_durable_) {
    options.on_durable = [this, name = database.name, counter = std::make_shared<EventCounter>()](
                             const repository::Position& position, Time seen) {
      on_durable_({.database = name,
                   .position = position,
                   .commits = counter->commits_until(position),
                   .seen = seen,
                   .durable = world_.clock.now()});
    };
  }
  replication_->add(std::move(options));
}

void RunningReplication::follow_pattern(const DatabasePattern& pattern) {
  replication_->watch_directory(pattern.pattern.parent_path(), [this, pattern] {
    const std::lock_guard lock(patterns_mutex_);
    std::set<std::string>& known = of_patterns_[pattern.name];
    std::set<std::string> there;
    try {
      for (const Database& database : expand_pattern(pattern, world_)) {
        there.insert(database.name);
        if (known.contains(database.name)) continue;
        add(database);
        progress_.notice(fmt::format("{}: found {}", database.name, database.source.path.string()));
      }
      for (const std::string& name : known) {
        if (there.contains(name)) continue;
        replication_->remove(name);
        progress_.notice(fmt::format("{}: its file is gone", name));
      }
    } catch (const Error& error) {
      progress_.warning(fmt::format("{}: {}", pattern.pattern.string(), error.happened()));
    }
    known = std::move(there);
  });
}

void RunningReplication::report_findings(const std::string& database,
                                         std::vector<std::string> findings) {
  const std::lock_guard lock(mutex_);
  findings_[database] = std::move(findings);
}

void RunningReplication::tell(const FollowerState& before, const FollowerState& now) {
  const std::string& name = now.database;
  if (now.phase != before.phase) {
    switch (now.phase) {
      case Phase::kFollowing:
        progress_.notice(fmt::format("{}: every commit is being replicated; snapshot {}", name,
                                     now.snapshot.short_hex()));
        break;
      case Phase::kScanning:
        progress_.notice(fmt::format("{}: reading the database", name));
        break;
      case Phase::kDetached:
        progress_.warning(fmt::format("{}: the store is away, commits wait on this machine: {}",
                                      name, now.last_error));
        break;
      case Phase::kDeposed:
        progress_.warning(
            fmt::format("{}: another process has taken over the timeline; what is sent now goes to "
                        "a side branch",
                        name));
        break;
      case Phase::kWaiting:
      case Phase::kRefused:
      case Phase::kStopped:
        break;
    }
  }
  if (now.continuity_repaired > before.continuity_repaired) {
    progress_.notice(fmt::format("{}: continuity was lost and repaired: {}", name, now.last_loss));
  }
  if (!now.last_error.empty() && now.last_error != before.last_error &&
      now.phase != Phase::kDetached && now.phase != Phase::kRefused) {
    progress_.warning(fmt::format("{}: {}", name, now.last_error));
  }
}

void RunningReplication::publish() {
  for (FollowerState& follower : replication_->states()) {
    const std::string name = follower.database;
    LocalState state{.follower = std::move(follower),
                     .process = env::this_process(),
                     .written = world_.clock.now(),
                     .findings = {}};
    FollowerState before;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = findings_.find(name); found != findings_.end()) {
        state.findings = found->second;
      }
      const auto [known, is_new] = published_.try_emplace(name, state);
      if (!is_new && same(known->second, state)) continue;
      if (!is_new) before = known->second.follower;
      known->second = state;
    }
    tell(before, state.follower);
    copies_->note_change();
    adoption_->note_change();
    const env::Path path = state_path_(name);
    if (path.empty()) continue;
    try {
      write_state(world_.files, path, state);
    } catch (const Error& error) {
      progress_.warning(
          fmt::format("the state of {} could not be written: {}", name, error.happened()));
    }
  }
}

void RunningReplication::publish_states(std::stop_token stop) {
  do publish();
  while (world_.clock.wait(kBetweenStates, stop));
}

bool RunningReplication::finish() {
  const std::jthread limit([this](const std::stop_token& stop) {
    if (world_.clock.wait(longest_end_, stop)) store_.give_up();
  });
  const bool shipped = replication_->finish();
  store_.give_up();  // whatever goes on beside it is not worth waiting for
  publish();
  if (!shipped) tell_of_what_is_left();
  return shipped;
}

void RunningReplication::tell_of_what_is_left() {
  for (const FollowerState& state : replication_->states()) {
    const bool waits = state.oldest_waiting || state.backlog_bytes > 0;
    const bool began = state.position.branch != 0;
    if (!waits && (began || state.last_error.empty())) continue;
    std::string text =
        began ? fmt::format("what was committed until {} is in the repository (position {})",
                            format_local(state.durable_commit.value_or(Time{})),
                            to_text(state.position))
              : std::string("nothing of this run is in the repository");
    text += state.backlog_bytes > 0
                ? fmt::format("; {} bytes of later commits wait in {}", state.backlog_bytes,
                              backlog_path_(state.database).string())
                : std::string("; later commits are in the database alone");
    if (!state.last_error.empty()) text += fmt::format(": {}", state.last_error);
    progress_.warning(fmt::format("{}: {}", state.database, text));
  }
}

int replicate(Session& session, const ReplicationJob& job, std::stop_token stop) {
  QuietProgress progress(session.progress());
  RunningReplication running(session, job, progress);
  running.publish_states(stop);
  if (running.finish()) return 0;
  progress.warning("not everything could be sent; the next `holdfast replicate` sends the rest");
  return catalogue_entry(ErrorCode::kCompletedWithWarnings).exit_status;
}

}  // namespace holdfast::service
