#include "service/copy_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "service/audit.h"
#include "service/background_work.h"
#include "service/forgetting.h"
#include "service/quiet_progress.h"

namespace holdfast::service {
namespace {

using repository::Snapshot;

// What `copy` would keep of these; everything if no policy is for it.
std::set<SnapshotId> kept(const Configuration& configuration, const RepositoryConfiguration& copy,
                          std::span<const Snapshot> newest_first) {
  std::set<SnapshotId> ids;
  for (const Snapshot& snapshot : newest_first) ids.insert(snapshot.id);
  const bool any = copy.keep || configuration.retention ||
                   std::ranges::any_of(configuration.databases, [](const auto& database) {
                     return database.keep.has_value();
                   });
  if (!any) return ids;
  const ForgetPlan plan =
      copy.keep ? plan_by_policy(*copy.keep, {newest_first.begin(), newest_first.end()})
                : plan_by_configuration(configuration, newest_first);
  for (const Snapshot& snapshot : plan.removed()) ids.erase(snapshot.id);
  return ids;
}

repository::CopyResult bring_up_to_date(Session& session, Session& there,
                                        const RepositoryConfiguration& copy, bool dry_run,
                                        Progress& progress) {
  const Configuration& configuration = session.configuration();
  repository::CopyRequest request;
  request.kept = [&](std::span<const Snapshot> newest_first) {
    return kept(configuration, copy, newest_first);
  };
  request.timeline = configuration.replication.keep;
  request.dry_run = dry_run;
  return repository::copy_history(session.repository(), there.repository(), request, progress);
}

}  // namespace

std::vector<const RepositoryConfiguration*> choose_copies(Session& session,
                                                          std::span<const std::string> names) {
  const auto copies = session.copies();
  if (copies.empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("{} has no copies", session.place()), {},
                "Write each place as a [[repository]] with a name into holdfast.toml, the one that "
                "backups go to first.");
  }
  if (names.empty()) return copies;
  std::vector<const RepositoryConfiguration*> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(copies, name, &RepositoryConfiguration::name);
    if (found == copies.end()) {
      std::vector<std::string_view> known;
      for (const auto* copy : copies) known.push_back(copy->name);
      throw Error(ErrorCode::kUsage, fmt::format("no copy is called \"{}\"", name), {},
                  fmt::format("There is {}.", fmt::join(known, ", ")));
    }
    if (std::ranges::find(chosen, *found) == chosen.end()) chosen.push_back(*found);
  }
  return chosen;
}

CopyOutcome copy_to(Session& session, const RepositoryConfiguration& copy, bool dry_run,
                    Progress& progress) {
  CopyOutcome outcome{
      .name = copy.name, .place = copy.place, .result = {}, .failure = {}, .seconds = 0};
  session.repository();  // its own troubles are no copy's
  const Duration begun = session.world().clock.elapsed();
  const auto there = session.beside(copy);
  try {
    outcome.result = bring_up_to_date(session, *there, copy, dry_run, progress);
    if (!dry_run) {
      const repository::CopyResult& result = outcome.result;
      record(*there, "copy", result.failures.empty() ? "ok" : "incomplete",
             fmt::format("{} snapshots and {} positions from {}", result.snapshots,
                         result.positions, session.place()));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    if (!dry_run) record_failure(*there, "copy", error);
    outcome.failure = error;
  }
  outcome.seconds = std::chrono::duration<double>(session.world().clock.elapsed() - begun).count();
  return outcome;
}

class CopyUpkeep::Worker {
 public:
  Worker(Session& session, Progress& progress)
      : progress_(progress), session_(session.again(prompt_, progress_)) {
    for (const RepositoryConfiguration* copy : session_->copies()) {
      if (copy->copy_every.count() > 0) copies_.push_back({.place = copy});
    }
    if (!copies_.empty()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  void note_change() {
    const std::lock_guard lock(mutex_);
    for (Copy& copy : copies_) copy.behind = true;
  }

 private:
  struct Copy {
    const RepositoryConfiguration* place;
    std::unique_ptr<Session> session = {};  // kept open: its key is asked for once
    bool behind = true;
    Duration due{0};
    std::string told = {};  // what was said last about it
  };

  void run(const std::stop_token& stop) {
    env::Clock& clock = session_->world().clock;
    for (Copy& copy : copies_) copy.due = clock.elapsed() + copy.place->copy_every;
    while (!stop.stop_requested()) {
      Copy& next = *std::ranges::min_element(copies_, {}, &Copy::due);
      if (!clock.wait(std::max(next.due - clock.elapsed(), Duration(0)), stop)) return;
      bring_up_to_date_in_silence(next, stop);
      next.due = clock.elapsed() + next.place->copy_every;
    }
  }

  void bring_up_to_date_in_silence(Copy& copy, const std::stop_token& stop) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(copy.behind, false)) return;
    }
    std::string problem;
    try {
      if (!copy.session) copy.session = session_->beside(*copy.place);
      storage::Store& store = copy.session->store();
      const std::stop_callback no_longer(stop, [&store] { store.give_up(); });
      UntilStopped progress(progress_, "the copy", stop);
      const auto result = bring_up_to_date(*session_, *copy.session, *copy.place, false, progress);
      if (!result.failures.empty()) {
        problem = fmt::format("{}: {}", result.failures.front().what, result.failures.front().why);
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) return;
      problem = error.happened();
    }
    if (problem.empty()) {
      if (!copy.told.empty())
        progress_.notice(fmt::format("the copy {} is up to date again", copy.place->name));
    } else {
      const std::lock_guard lock(mutex_);
      copy.behind = true;
    }
    if (!problem.empty() && problem != copy.told) {
      progress_.warning(fmt::format("the copy {} falls behind: {}", copy.place->name, problem));
    }
    copy.told = std::move(problem);
  }

  NoPrompt prompt_;
  QuietProgress progress_;
  const std::unique_ptr<Session> session_;
  std::mutex mutex_;  // guards Copy::behind
  std::vector<Copy> copies_;
  std::jthread thread_;  // last: it uses all of the above
};

CopyUpkeep::CopyUpkeep(Session& session, Progress& progress)
    : worker_(std::make_unique<Worker>(session, progress)) {}

CopyUpkeep::~CopyUpkeep() = default;

void CopyUpkeep::note_change() { worker_->note_change(); }

}  // namespace holdfast::service
