#include "service/adopt_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>

#include "service/audit.h"
#include "service/background_work.h"

namespace holdfast::service {
namespace {

using repository::AdoptionResult;
using repository::SessionInfo;
using repository::SessionState;

std::string detail_of(const AdoptionResult& result) {
  std::string detail = fmt::format("{} taken in", result.adopted.size());
  for (const repository::Snapshot& snapshot : result.adopted) {
    detail += fmt::format(", {} of {}", snapshot.id.short_hex(), snapshot.host);
  }
  if (!result.refused.empty()) detail += fmt::format("; {} refused", result.refused.size());
  if (result.discarded > 0) detail += fmt::format(", {} discarded", result.discarded);
  return detail;
}

AdoptionResult take_in(Session& session, const repository::AdoptionRequest& request,
                       Progress& progress) {
  AdoptionResult result = repository::adopt(session.repository(), request, progress);
  if (!result.adopted.empty() || result.discarded > 0) {
    record(session, "adopt", result.refused.empty() ? "ok" : "incomplete", detail_of(result));
  }
  return result;
}

// By machine; of all that are neither being sent nor in the repository.
std::vector<WaitingSessions> by_machine(std::span<const SessionInfo> sessions) {
  std::map<std::string, WaitingSessions> machines;
  for (const SessionInfo& one : sessions) {
    if (one.state != SessionState::kWaiting && one.state != SessionState::kRefused) continue;
    WaitingSessions& machine = machines[one.machine()];
    machine.machine = one.machine();
    const bool refused = one.state == SessionState::kRefused || !one.key;
    ++(refused ? machine.refused : machine.waiting);
    if (!refused) machine.oldest = std::min(machine.oldest.value_or(one.newest), one.newest);
  }
  std::vector<WaitingSessions> found;
  for (auto& [name, machine] : machines) found.push_back(std::move(machine));
  return found;
}

std::string refusal(const repository::RefusedSession& refused) {
  return fmt::format("backup {} of {} is not taken in: {}", refused.session.snapshot().short_hex(),
                     refused.session.machine(), refused.why);
}

constexpr std::string_view kNotTakenIn =
    "what machines with write-only keys have sent was not taken in";
constexpr std::string_view kNotKnown =
    "it is not known whether machines with write-only keys have sent anything";

// What befalls the work is said, and no more.
template <typename Work>
std::vector<WaitingSessions> without_failing(Progress& progress, std::string_view what,
                                             const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    progress.warning(fmt::format("{}: {}", what, error.happened()));
    return {};
  }
}

}  // namespace

AdoptionResult adopt(Session& session, const repository::AdoptionRequest& request) {
  return recording_failures(session, "adopt",
                            [&] { return take_in(session, request, session.progress()); });
}

std::vector<WaitingSessions> waiting_sessions(Session& session) {
  return by_machine(repository::list_sessions(session.repository()).sessions);
}

std::vector<WaitingSessions> adopt_waiting(Session& session, Progress& progress) {
  session.repository();  // its own troubles are no session's
  return without_failing(progress, kNotTakenIn, [&] {
    std::vector<SessionInfo> left;
    for (const repository::RefusedSession& refused : take_in(session, {}, progress).refused) {
      progress.warning(refusal(refused));
      left.push_back(refused.session);
      if (refused.for_good) left.back().state = SessionState::kRefused;
    }
    return by_machine(left);
  });
}

bool something_waits(Session& session, Progress& progress) {
  const auto waits = [](const WaitingSessions& machine) { return machine.waiting > 0; };
  return std::ranges::any_of(
      without_failing(progress, kNotKnown, [&] { return waiting_sessions(session); }), waits);
}

std::vector<WaitingSessions> tell_of_waiting(Session& session, Progress& progress) {
  session.repository();
  return without_failing(progress, kNotKnown, [&] {
    auto waiting = waiting_sessions(session);
    for (const WaitingSessions& machine : waiting) progress.warning(describe(machine));
    return waiting;
  });
}

std::string describe(const WaitingSessions& sessions) {
  const auto counted_backups = [](std::uint64_t count) {
    return count == 1 ? std::string("1 backup") : fmt::format("{} backups", count);
  };
  std::string text;
  if (sessions.waiting > 0) {
    text = fmt::format("{} of {} {} to be taken in since {}: `holdfast adopt`",
                       counted_backups(sessions.waiting), sessions.machine,
                       sessions.waiting == 1 ? "waits" : "wait",
                       format_local(sessions.oldest.value_or(Time{})));
  }
  if (sessions.refused > 0) {
    text += fmt::format("{}{} of {} {} refused: `holdfast adopt` says why",
                        text.empty() ? "" : "; ", counted_backups(sessions.refused),
                        sessions.machine, sessions.refused == 1 ? "was" : "were");
  }
  return text;
}

class AdoptionUpkeep::Worker {
 public:
  Worker(Session& session, std::chrono::seconds every, std::function<void()> on_adopted,
         Progress& progress)
      : progress_(progress),
        session_(session.again(prompt_, progress)),
        every_(every),
        on_adopted_(std::move(on_adopted)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void note_change() { changed_ = true; }

 private:
  void run(const std::stop_token& stop) {
    do look(stop);
    while (session_->world().clock.wait(every_, stop));
  }

  void look(const std::stop_token& stop) {
    if (!changed_.exchange(false) && !has_machines_) return;
    std::string problem;
    try {
      const auto& keys = repository::list_keys(session_->repository().store());
      has_machines_ = std::ranges::find(keys, repository::KeyKind::kWrite,
                                        &repository::KeyInfo::kind) != keys.end();
      if (!has_machines_ || !something_waits(*session_, progress_)) return;
      UntilStopped progress(progress_, "taking in backups", stop);
      problem = take_in_beside_other_work(progress);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) return;
      changed_ = true;
      problem = fmt::format("{}: {}", kNotTakenIn, error.happened());
    }
    if (!problem.empty() && problem != told_) progress_.warning(problem);
    told_ = std::move(problem);
  }

  std::string take_in_beside_other_work(Progress& progress) {
    const AdoptionResult result = take_in(*session_, {.threads = 1}, progress);
    for (const repository::Snapshot& snapshot : result.adopted) {
      progress.notice(
          fmt::format("backup {} of {} is taken in", snapshot.id.short_hex(), snapshot.host));
    }
    if (!result.adopted.empty()) on_adopted_();
    return result.refused.empty() ? std::string() : refusal(result.refused.front());
  }

  NoPrompt prompt_;
  Progress& progress_;
  const std::unique_ptr<Session> session_;
  const std::chrono::seconds every_;
  const std::function<void()> on_adopted_;
  std::atomic<bool> changed_{true};
  bool has_machines_ = false;
  std::string told_;     // what was said last of what is wrong
  std::jthread thread_;  // last: it uses all of the above
};

AdoptionUpkeep::AdoptionUpkeep(Session& session, std::chrono::seconds every,
                               std::function<void()> on_adopted, Progress& progress)
    : worker_(every.count() == 0
                  ? nullptr
                  : std::make_unique<Worker>(session, every, std::move(on_adopted), progress)) {}

AdoptionUpkeep::~AdoptionUpkeep() = default;

void AdoptionUpkeep::note_change() {
  if (worker_) worker_->note_change();
}

}  // namespace holdfast::service
