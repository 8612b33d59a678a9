#include "service/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "repository/audit_log.h"
#include "service/doctor.h"

namespace holdfast::service {
namespace {

using engine::Phase;
using repository::LogEntry;
using repository::Repository;
using repository::Snapshot;

constexpr double kMostLagSeconds = 60;
constexpr double kMostCopyLagSeconds = 24 * 3600;
constexpr std::chrono::hours kLongestWaitOfSessions{24};

// What is the same for all databases, read once.
struct Known {
  const Repository* repository = nullptr;
  std::string away;  // why the store cannot be reached
  std::vector<Snapshot> snapshots;
  std::optional<Time> last_verification;
  std::vector<WaitingSessions> sealed;
};

bool is_about_us(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kConfiguration:
    case ErrorCode::kWrongPassphrase:
    case ErrorCode::kPassphraseMissing:
    case ErrorCode::kRepositoryVersion:
    case ErrorCode::kEncryptionMismatch:
    case ErrorCode::kWriteOnlyKey:
    case ErrorCode::kInterrupted:
      return true;
    default:
      return false;
  }
}

struct KnownCopy {
  std::unique_ptr<Session> session;
  std::string name, place, away;
  std::vector<Snapshot> snapshots;
};

std::vector<KnownCopy> look_at_copies(Session& session) {
  std::vector<KnownCopy> known;
  for (const RepositoryConfiguration* copy : session.copies()) {
    KnownCopy& one = known.emplace_back(KnownCopy{.session = session.beside(*copy),
                                                  .name = copy->name,
                                                  .place = copy->place,
                                                  .away = {},
                                                  .snapshots = {}});
    try {
      one.snapshots = repository::list_snapshots(one.session->repository()).snapshots;
    } catch (const Error& error) {
      one.away = error.happened();
    }
  }
  return known;
}

Known look_at_repository(Session& session) {
  Known known;
  try {
    const Repository& repository = session.repository();
    known.snapshots = repository::list_snapshots(repository).snapshots;
    for (const LogEntry& entry : repository::read_log(repository)) {
      if (entry.operation == "verify" && entry.result == "ok") known.last_verification = entry.time;
    }
    known.sealed = waiting_sessions(session);
    known.repository = &repository;
  } catch (const Error& error) {
    if (is_about_us(error.code())) throw;
    known.away = error.happened();
  }
  return known;
}

const Snapshot* newest_intact(std::span<const Snapshot> newest_first, std::string_view database) {
  for (const Snapshot& snapshot : newest_first) {
    const auto* state = snapshot.database(database);
    if (state != nullptr && state->damage.empty()) return &snapshot;
  }
  return nullptr;
}

// When the newest state was fixed that can be given back.
std::optional<Time> newest_moment(const DatabaseStatus& status) {
  std::optional<Time> newest = status.last_commit;
  if (status.last_snapshot) {
    const Time moment = status.last_snapshot->database(status.database)->moment;
    newest = std::max(newest.value_or(moment), moment);
  }
  return newest;
}

CopyStatus look_at_copy(const KnownCopy& known, const DatabaseStatus& first) {
  CopyStatus copy{.name = known.name,
                  .place = known.place,
                  .away = known.away,
                  .newest = {},
                  .behind_seconds = {}};
  if (!known.away.empty()) return copy;
  try {
    const Repository& repository = known.session->repository();
    std::set<SnapshotId> there;
    for (const Snapshot& snapshot : known.snapshots) there.insert(snapshot.id);
    DatabaseStatus seen;
    seen.database = first.database;
    if (const Snapshot* newest = newest_intact(known.snapshots, first.database)) {
      seen.last_snapshot = *newest;
    }
    const auto timeline = repository::load_timeline(
        repository, repository::timeline_series(repository, first.database), &there);
    if (const auto newest = repository::find_newest(timeline)) seen.last_commit = newest->time;
    copy.newest = newest_moment(seen);
  } catch (const Error& error) {
    copy.away = error.happened();
  }
  if (const auto expected = newest_moment(first); expected && copy.newest) {
    const double behind = std::chrono::duration<double>(*expected - *copy.newest).count();
    copy.behind_seconds = std::max(behind, 0.0);
  }
  return copy;
}

void judge_copies(DatabaseStatus& status) {
  for (const CopyStatus& copy : status.copies) {
    const auto problem = [&](std::string_view what) {
      status.problems.push_back(fmt::format("the copy {} {}", copy.name, what));
    };
    if (!copy.away.empty()) {
      problem(fmt::format("cannot be read: {}", copy.away));
    } else if (!copy.newest) {
      if (newest_moment(status)) problem("has nothing of it");
    } else if (copy.behind_seconds.value_or(0) > kMostCopyLagSeconds) {
      problem(fmt::format("is {:.0f} hours behind", *copy.behind_seconds / 3600));
    }
  }
}

void judge_sealed(const World& world, DatabaseStatus& status) {
  for (const WaitingSessions& machine : status.sealed) {
    const bool late =
        machine.oldest && world.clock.now() - *machine.oldest > kLongestWaitOfSessions;
    if (late || machine.refused > 0) status.problems.push_back(describe(machine));
  }
}

void look_at_history(const Known& known, DatabaseStatus& status) {
  if (const Snapshot* newest = newest_intact(known.snapshots, status.database)) {
    status.last_snapshot = *newest;
  }
  const Repository& repository = *known.repository;
  const std::string series = repository::timeline_series(repository, status.database);
  std::set<SnapshotId> there;
  for (const Snapshot& snapshot : known.snapshots) there.insert(snapshot.id);
  const repository::Timeline timeline = repository::load_timeline(repository, series, &there);
  if (const auto newest = repository::find_newest(timeline)) {
    status.last_position = newest->position;
    status.last_commit = newest->time;
  }
  status.side_branches = repository::side_branches(timeline).size();
  status.lease = repository::newest_lease(repository, series);
  status.lease_holder_alive =
      status.lease && !status.lease->released && is_certainly_alive(status.lease->holder);
  status.last_proof = repository::newest_proof(repository, series);
  status.last_verification = known.last_verification;
}

void measure_lag(const World& world, DatabaseStatus& status) {
  const Time now = world.clock.now();
  if (status.replicator) {
    status.lag_seconds = status.replicator->follower.lag_seconds(now);
    return;
  }
  const auto changed = last_write_time(world.files, status.path);
  const std::optional<Time> safe = newest_moment(status);
  if (!changed || !safe || *changed <= *safe) return;
  status.lag_seconds = std::chrono::duration<double>(now - *safe).count();
}

void judge_replicator(DatabaseStatus& status) {
  const engine::FollowerState& state = status.replicator->follower;
  const auto problem = [&](std::string_view what) {
    status.problems.push_back(state.last_error.empty()
                                  ? std::string(what)
                                  : fmt::format("{}: {}", what, state.last_error));
  };
  switch (state.phase) {
    case Phase::kDetached:
      problem(
          fmt::format("the store is away, and {} bytes wait on this machine", state.backlog_bytes));
      break;
    case Phase::kDeposed:
      problem("another process has taken over the timeline");
      break;
    case Phase::kRefused:
      problem("it is not replicated, because a full history stands beside a fresh database");
      break;
    case Phase::kWaiting:
      if (!state.last_error.empty()) problem("it is not replicated yet");
      break;
    case Phase::kScanning:
    case Phase::kFollowing:
    case Phase::kStopped:
      break;
  }
  for (const std::string& finding : status.replicator->findings) {
    status.problems.push_back(fmt::format("the full check found: {}", finding));
  }
  if (status.lag_seconds > kMostLagSeconds && state.phase != Phase::kDetached) {
    problem(fmt::format("{:.0f} seconds of commits are not safe yet", status.lag_seconds));
  }
}

void judge(const World& world, const Known& known, DatabaseStatus& status) {
  if (!status.store_reachable) {
    status.problems.push_back(fmt::format("the store does not answer: {}", known.away));
  }
  const auto file = world.files.status(status.path);
  if (!file || file->size == 0) {
    status.problems.push_back(fmt::format("there is no database at {}", status.path.string()));
  }
  if (status.store_reachable && !status.last_snapshot) {
    status.problems.emplace_back("there is no snapshot of it");
  }
  if (status.replicator) {
    judge_replicator(status);
  } else if (status.last_position && status.lag_seconds > kMostLagSeconds &&
             !(status.lease && !status.lease->released &&
               !env::is_certainly_dead(status.lease->holder))) {
    status.problems.emplace_back(
        "nothing replicates it, and it was changed after its last position");
  }
  if (status.last_proof && !status.last_proof->passed()) {
    status.problems.push_back(fmt::format("the last drill failed{}{}",
                                          status.last_proof->findings.empty() ? "" : ": ",
                                          fmt::join(status.last_proof->findings, "; ")));
  }
}

}  // namespace

std::vector<DatabaseStatus> status(Session& session, std::span<const Database> databases) {
  Known known = look_at_repository(session);
  const std::vector<KnownCopy> copies = look_at_copies(session);
  std::vector<DatabaseStatus> result;
  for (const Database& database : databases) {
    DatabaseStatus status;
    status.database = database.name;
    if (!database.source.url.empty()) {
      status.path = database.source.place();
      status.problems.emplace_back(
          "it is on a PostgreSQL server, which this version does not back up: use pg_dump or "
          "pgBackRest");
      result.push_back(std::move(status));
      continue;
    }
    status.path = database.source.path;
    status.storage_warning = storage_warning_of(status.path);
    status.replicator = read_state(session.world().files, state_file(session, database.name));
    if (status.replicator && !is_certainly_alive(status.replicator->process)) {
      status.replicator.reset();
    }
    try {
      if (known.repository != nullptr) look_at_history(known, status);
    } catch (const Error& error) {
      if (is_about_us(error.code())) throw;
      known.repository = nullptr;
      known.away = error.happened();
    }
    status.store_reachable = known.repository != nullptr;
    measure_lag(session.world(), status);
    for (const KnownCopy& copy : copies) status.copies.push_back(look_at_copy(copy, status));
    judge_copies(status);
    status.sealed = known.sealed;
    judge_sealed(session.world(), status);
    judge(session.world(), known, status);
    result.push_back(std::move(status));
  }
  return result;
}

}  // namespace holdfast::service
