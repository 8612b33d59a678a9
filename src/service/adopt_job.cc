#include "service/adopt_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "service/audit.h"

namespace holdfast::service {
namespace {

using repository::AdoptionResult;
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

}  // namespace

AdoptionResult adopt(Session& session, const repository::AdoptionRequest& request) {
  return recording_failures(session, "adopt", [&] {
    AdoptionResult result = repository::adopt(session.repository(), request, session.progress());
    if (!result.adopted.empty() || result.discarded > 0) {
      record(session, "adopt", result.refused.empty() ? "ok" : "incomplete", detail_of(result));
    }
    return result;
  });
}

void adopt_waiting(Session& session) {
  session.repository();  // its own troubles are no session's
  try {
    for (const repository::RefusedSession& refused : adopt(session, {}).refused) {
      session.progress().warning(fmt::format("backup {} of {} is not taken in: {}",
                                             refused.session.snapshot().short_hex(),
                                             refused.session.machine(), refused.why));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    session.progress().warning(fmt::format(
        "what machines with write-only keys have sent was not taken in: {}", error.happened()));
  }
}

std::vector<WaitingSessions> waiting_sessions(Session& session) {
  std::map<std::string, WaitingSessions> machines;
  for (const auto& one : repository::list_sessions(session.repository()).sessions) {
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

}  // namespace holdfast::service
