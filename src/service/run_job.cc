#include "service/run_job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "engine/replicate/backlog.h"
#include "repository/lease.h"
#include "repository/snapshot.h"
#include "service/adopt_job.h"
#include "service/copies.h"
#include "service/doctor.h"
#include "service/quiet_progress.h"
#include "service/replication_job.h"
#include "sqlite/health.h"

namespace holdfast::service {
namespace {

using repository::Lease;
using repository::Repository;

constexpr Duration kBetweenTries = std::chrono::seconds(5);
constexpr Duration kLongestBeginning = std::chrono::seconds(30);
constexpr Duration kTurn = std::chrono::milliseconds(10);
constexpr std::chrono::milliseconds kLookTimeout{2'000};

bool ends_the_program(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

// While there is no application, a signal to end is for Holdfast itself.
class SignalWatch {
 public:
  // `ended` is called on a thread of its own, for each of them.
  SignalWatch(env::SignalHold& signals, std::function<void()> ended)
      : watcher_([&signals, ended = std::move(ended)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto signal = signals.next(Duration::max(), stop);
            if (signal && ends_the_program(*signal)) ended();
          }
        }) {}

 private:
  std::jthread watcher_;
};

// The work under way stops at its next step.
class BootProgress final : public Progress {
 public:
  BootProgress(Progress& base, env::SignalHold& signals)
      : base_(base), watch_(signals, [this] {
          interrupted_ = true;
          stop_.request_stop();
        }) {}

  void stage(std::string_view, std::uint64_t) override { stop_if_interrupted(); }
  void advance(std::uint64_t) override { stop_if_interrupted(); }
  void notice(std::string_view sentence) override { base_.notice(sentence); }
  void warning(std::string_view sentence) override { base_.warning(sentence); }

  std::stop_token stop() const { return stop_.get_token(); }
  void stop_if_interrupted() const {
    if (interrupted_) {
      throw Error(ErrorCode::kInterrupted, "a signal came before the application had been started");
    }
  }

 private:
  Progress& base_;
  std::atomic<bool> interrupted_{false};
  std::stop_source stop_;
  SignalWatch watch_;  // last: it uses all of the above
};

void warn_of_storage(const Database& database, Progress& progress) {
  const std::string warning = storage_warning_of(database.source.path);
  if (!warning.empty()) progress.warning(fmt::format("database {}: {}", database.name, warning));
}

// Those of the patterns that are there, and those that only the history has.
std::vector<Database> all_databases(Session& session, const RunJob& job,
                                    const Repository* repository) {
  std::vector<Database> databases = job.databases;
  const auto is_known = [&](std::string_view name) {
    return std::ranges::find(databases, name, &Database::name) != databases.end();
  };
  for (const DatabasePattern& pattern : job.patterns) {
    std::ranges::move(expand_pattern(pattern, session.world()), std::back_inserter(databases));
  }
  if (job.patterns.empty() || repository == nullptr) return databases;
  for (const auto& snapshot : repository::list_snapshots(*repository).snapshots) {
    for (const auto& state : snapshot.databases) {
      const bool of_pattern = std::ranges::any_of(job.patterns, [&](const DatabasePattern& one) {
        return state.name.starts_with(one.name + "/");
      });
      if (!of_pattern || is_known(state.name)) continue;
      if (auto database = configured_database(state.name, session.configuration(), session.world()))
        databases.push_back(std::move(*database));
    }
  }
  return databases;
}

// Held while the database is restored, so that nobody replicates what is half done.
std::optional<Lease> take_lease(Session& session, const Repository* repository,
                                const Database& database, const RunJob& job,
                                BootProgress& progress) {
  if (repository == nullptr) return std::nullopt;
  repository::LeaseOptions options;
  options.stale_after = session.configuration().replication.lease_stale;
  options.longest_wait = job.lease_wait;
  const std::string series = repository::timeline_series(*repository, database.name);
  try {
    if (const auto lease = repository::newest_lease(*repository, series);
        lease && !lease->released && !env::is_certainly_dead(lease->holder)) {
      progress.notice(fmt::format("database {}: waiting for process {} on {} to finish",
                                  database.name, lease->holder.pid, lease->holder.host));
    }
    return Lease::acquire(*repository, series, options, session.command(), progress.stop());
  } catch (const Error& error) {
    if (!engine::is_store_away(error) || error.code() == ErrorCode::kLeaseHeld ||
        error.code() == ErrorCode::kInterrupted) {
      throw;
    }
    progress.warning(fmt::format("database {}: no lease, because the store is away: {}",
                                 database.name, error.happened()));
    return std::nullopt;
  }
}

// Lets the next one in, however the boot ends.
class BootLeases {
 public:
  BootLeases() = default;
  ~BootLeases() { release(leases_); }
  BootLeases(const BootLeases&) = delete;
  BootLeases& operator=(const BootLeases&) = delete;
  void add(const std::string& database, std::optional<Lease> lease) {
    if (lease) leases_[database] = std::make_shared<Lease>(std::move(*lease));
  }
  HeldLeases hand_over() { return std::exchange(leases_, {}); }

 private:
  HeldLeases leases_;
};

// Replicates as soon as the store can be reached, until stopped; the one thread that uses the
// session while the application runs.
class BesideApplication {
 public:
  BesideApplication(Session& session, ReplicationJob job, std::vector<Database> databases)
      : session_(session),
        progress_(session.progress()),
        job_(std::move(job)),
        databases_(std::move(databases)),
        thread_([this](const std::stop_token& stop) { replicate(stop); }),
        checker_([this](const std::stop_token& stop) { check(stop); }) {}

  // After the application has ended: false if something was not shipped.
  bool finish() {
    checker_.request_stop();
    wait_for_beginning();
    thread_.request_stop();
    thread_.join();
    const std::lock_guard lock(mutex_);
    if (running_ != nullptr) return running_->finish();
    release(job_.held);
    return false;
  }

 private:
  // An application may end before its replication has begun, and its commits are to be shipped too.
  void wait_for_beginning() {
    std::unique_lock lock(mutex_);
    tried_.wait(lock, [this] { return has_tried_; });
    if (!running_) return;
    engine::Replication& replication = running_->replication();
    lock.unlock();
    const auto has_begun = [](const engine::FollowerState& state) {
      const bool waits = state.phase == engine::Phase::kWaiting && state.last_error.empty();
      return !waits && state.phase != engine::Phase::kScanning;
    };
    env::Clock& clock = session_.world().clock;
    const Duration deadline = clock.elapsed() + kLongestBeginning;
    while (clock.elapsed() < deadline && !std::ranges::all_of(replication.states(), has_begun)) {
      clock.wait(kTurn, {});
    }
  }

  void set_tried() {
    const std::lock_guard lock(mutex_);
    has_tried_ = true;
    tried_.notify_all();
  }

  void replicate(const std::stop_token& stop) {
    bool warned = false;
    do {
      try {
        auto running = std::make_unique<RunningReplication>(session_, job_, progress_);
        {
          const std::lock_guard lock(mutex_);
          running_ = std::move(running);
          for (auto& [name, findings] : findings_) running_->report_findings(name, findings);
        }
        set_tried();
        running_->publish_states(stop);
        return;
      } catch (const Error& error) {
        if (!warned) {
          progress_.warning(fmt::format("not replicated until this is over: {}", error.happened()));
        }
        warned = true;
        set_tried();
      }
    } while (session_.world().clock.wait(kBetweenTries, stop));
  }

  void check(const std::stop_token& stop) {
    for (const Database& database : databases_) {
      if (stop.stop_requested()) return;
      std::vector<std::string> findings;
      try {
        findings = sqlite::quick_check(database.source.path, kLookTimeout);
      } catch (const Error& error) {
        progress_.notice(fmt::format("database {}: the full check could not be made: {}",
                                     database.name, error.happened()));
        continue;
      }
      for (const std::string& finding : findings) {
        progress_.warning(
            fmt::format("database {}: the full check found: {}", database.name, finding));
      }
      const std::lock_guard lock(mutex_);
      if (running_) running_->report_findings(database.name, findings);
      findings_.emplace_back(database.name, std::move(findings));
    }
  }

  Session& session_;
  QuietProgress progress_;
  ReplicationJob job_;  // its leases are those of `running_` once that is there
  const std::vector<Database> databases_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable tried_;
  bool has_tried_ = false;
  std::unique_ptr<RunningReplication> running_;
  std::vector<std::pair<std::string, std::vector<std::string>>> findings_;
  std::jthread thread_, checker_;  // last: they use all of the above
};

// The databases as they may be served, or an exception before the application has started.
void make_safe(Session& session, const Repository* repository,
               const std::vector<Database>& databases, BootProgress& progress) {
  for (const Database& database : databases) {
    progress.stop_if_interrupted();
    warn_of_storage(database, progress);
    guard_one(session, repository, database, true, progress);
  }
  progress.stop_if_interrupted();
}

}  // namespace

int run(Session& session, const RunJob& job, env::SignalHold& signals) {
  std::vector<Database> databases;
  BootLeases leases;
  {
    BootProgress progress(session.progress(), signals);
    std::vector<Database> known = job.databases;
    for (const DatabasePattern& pattern : job.patterns) {
      std::ranges::move(expand_pattern(pattern, session.world()), std::back_inserter(known));
    }
    const ReachableHistory history = reachable_history(session, known);
    Session& of_history = history.copy ? *history.copy : session;
    if (history.known != nullptr && job.patterns.empty()) {
      adopt_what_may_help(of_history, known, progress);
    } else if (history.known != nullptr) {
      // There may be files of the patterns that nobody else has.
      adopt_waiting(of_history, progress);
    }
    databases = all_databases(of_history, job, history.known);
    for (const Database& database : databases) {
      leases.add(database.name, take_lease(session, history.first, database, job, progress));
    }
    make_safe(of_history, history.known, databases, progress);
  }
  env::ChildProcess child = env::ChildProcess::start({.command = job.command, .variables = {}});
  BesideApplication beside(session,
                           {.databases = job.databases,
                            .patterns = job.patterns,
                            .lease_wait = job.lease_wait,
                            .accept_fresh = false,
                            .held = leases.hand_over(),
                            .on_durable = {}},
                           databases);
  const env::ChildExit exit = env::stand_in_for(child, signals);
  // There is no application any more that a signal could be for. What was sent is safe, and the
  // rest is in the databases.
  const SignalWatch at_once(signals, [&] {
    session.progress().warning(
        "ended before the last commits were sent; the next start sends them");
    ::_exit(exit.shell_status());
  });
  if (!beside.finish()) {
    session.progress().warning("the last commits could not be sent; the next start sends them");
  }
  return exit.shell_status();
}

}  // namespace holdfast::service
