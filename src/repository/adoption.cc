#include "repository/adoption.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "repository/intent.h"
#include "repository/received_session.h"
#include "repository/session_copy.h"
#include "repository/writer.h"

namespace holdfast::repository {
namespace {

// What a session is refused for; with anything else the trouble is ours, and it waits.
bool concerns_the_session(ErrorCode code) {
  return code == ErrorCode::kDamagedObject || code == ErrorCode::kMissingObject ||
         code == ErrorCode::kUsage;
}

bool stops_everything(ErrorCode code) {
  return code == ErrorCode::kInterrupted || code == ErrorCode::kInternal ||
         code == ErrorCode::kUnavailable || code == ErrorCode::kDiskFull;
}

Error no_base(std::string why) { return Error(ErrorCode::kDamagedObject, std::move(why)); }

class Adoption {
 public:
  Adoption(const Repository& repository, const AdoptionRequest& request, Progress& progress)
      : repository_(repository), request_(request), progress_(progress) {}

  AdoptionResult run();

 private:
  std::vector<const SessionInfo*> sort_out(Time now);
  void tidy();
  void take_all(std::vector<const SessionInfo*> waiting);
  bool take(const SessionInfo& session);
  void copy(const SessionInfo& session, const ReceivedSession& received);
  const DatabaseState* base_of(const DatabaseState& state, const Snapshot& snapshot) const;
  const Snapshot* standing(const SnapshotId& id) const;
  bool is_over(const SessionInfo& session) const;
  void settle(const SessionInfo& session);
  void refuse(const SessionInfo& session, const Error& error);
  void remove(const SessionInfo& session);
  void discard();

  const Repository& repository_;
  const AdoptionRequest& request_;
  Progress& progress_;
  SessionList list_;
  std::vector<Snapshot> snapshots_;                     // that stand in the repository
  std::map<SessionId, std::vector<SnapshotId>> bases_;  // of sessions that wait for others
  AdoptionResult result_;
};

const Snapshot* Adoption::standing(const SnapshotId& id) const {
  const auto found = std::ranges::find(snapshots_, id, &Snapshot::id);
  return found == snapshots_.end() ? nullptr : &*found;
}

// What marks say of sessions that are gone; and of snapshots that were removed by who does not know
// of marks.
void Adoption::tidy() {
  for (const auto& [id, marks] : list_.marks) {
    const auto session_is_there = [&] {
      bool there = false;
      repository_.store().list_names(session_folder(id.first, id.second),
                                     [&](std::string_view) { there = true; });
      return there;
    };
    for (const SessionMark mark : marks) {
      const bool of_snapshot = mark == SessionMark::kBase || mark == SessionMark::kLeaving;
      const bool needed = of_snapshot ? standing(id.second) != nullptr : session_is_there();
      if (!needed) remove_session_mark(repository_, id, mark);
    }
  }
}

// Answers those that may be taken in.
std::vector<const SessionInfo*> Adoption::sort_out(Time now) {
  std::vector<const SessionInfo*> waiting;
  for (const SessionInfo& session : list_.sessions) {
    const bool abandoned =
        session.state == SessionState::kOpen && now - session.newest > kLongestSilence;
    if (session.state == SessionState::kTaken || abandoned) {
      remove(session);
    } else if (session.state == SessionState::kOpen) {
      ++result_.open;
    } else if (!session.key) {
      result_.refused.push_back(
          {.session = session, .why = "its key was removed", .for_good = true});
    } else if (session.state == SessionState::kRefused && !request_.again) {
      result_.refused.push_back({.session = session,
                                 .why = reason_of(repository_, session.id, SessionMark::kRefused),
                                 .for_good = true});
    } else {
      waiting.push_back(&session);
    }
  }
  return waiting;
}

// Where several wait, one may go on from another.
void Adoption::take_all(std::vector<const SessionInfo*> waiting) {
  for (bool progressed = true; progressed && !waiting.empty();) {
    progressed = false;
    std::erase_if(waiting, [&](const SessionInfo* session) {
      try {
        if (!take(*session)) return false;
      } catch (const Error& error) {
        if (stops_everything(error.code())) throw;
        refuse(*session, error);
      }
      return progressed = true;
    });
  }
  for (const SessionInfo* session : waiting) {
    refuse(*session, no_base("it goes on from a snapshot that is not there"));
  }
}

// False: it goes on from what is not there yet.
bool Adoption::take(const SessionInfo& session) {
  const auto is_there = [&](const SnapshotId& id) { return standing(id) != nullptr; };
  const auto known = bases_.find(session.id);
  if (known != bases_.end() && !std::ranges::all_of(known->second, is_there)) return false;
  const ReceivedSession received(repository_, session);
  if (const Snapshot* done = standing(session.snapshot())) {
    if (done->machine != session.id.first) throw no_base("its id is that of another snapshot");
    settle(session);
    return true;
  }
  std::vector<SnapshotId>& bases = bases_[session.id];
  bases.clear();
  for (const DatabaseState& state : received.snapshot().databases) {
    if (state.base) bases.push_back(state.base->snapshot);
  }
  if (!std::ranges::all_of(bases, is_there)) return false;
  received.check_company(snapshots_);
  copy(session, received);
  return true;
}

const DatabaseState* Adoption::base_of(const DatabaseState& state, const Snapshot& snapshot) const {
  if (!state.base) return nullptr;
  // It is not forgotten as long as the session waits: see release().
  const Snapshot* from = standing(state.base->snapshot);
  const DatabaseState* base = from == nullptr ? nullptr : from->database(state.name);
  if (base == nullptr || from->machine != snapshot.machine) {
    throw no_base(fmt::format("{} goes on from what is none of its own", state.name));
  }
  return base;
}

void Adoption::copy(const SessionInfo& session, const ReceivedSession& received) {
  Writer writer(repository_);
  SessionCopy copy(received.repository(), repository_, writer, request_.threads, progress_);
  Snapshot snapshot = received.snapshot();
  for (DatabaseState& state : snapshot.databases) {
    state = copy.copy(state, base_of(state, snapshot));
  }
  writer.commit(snapshot);
  if (is_over(session)) {
    remove_snapshot(repository_, snapshot);
    return;
  }
  settle(session);
  result_.bytes_read += copy.bytes_read();
  result_.bytes_stored += writer.bytes_stored();
  result_.adopted.push_back(snapshot);
  snapshots_.push_back(std::move(snapshot));
}

// Somebody else has taken it in meanwhile, and then it was forgotten: it is not to come back. Its
// marks are set in this order: base, taken; and then the session goes.
bool Adoption::is_over(const SessionInfo& session) const {
  storage::Store& store = repository_.store();
  const auto& [key, id] = session.id;
  const bool waits =
      store.stat(session_folder(key, id) + std::string(kSessionKeyName)).has_value() &&
      !store.stat(session_mark_name(key, id, SessionMark::kTaken)).has_value();
  return !waits && !store.stat(session_mark_name(key, id, SessionMark::kBase)).has_value();
}

// The machine may go on from it before the session goes, and nobody takes it in again after.
void Adoption::settle(const SessionInfo& session) {
  put_session_mark(repository_, session.id, SessionMark::kBase);
  put_session_mark(repository_, session.id, SessionMark::kTaken);
  remove(session);
}

void Adoption::refuse(const SessionInfo& session, const Error& error) {
  const bool for_good = concerns_the_session(error.code());
  const auto& [key, id] = session.id;
  const bool had_key = session.objects.contains(kSessionKeyName);
  if (for_good && had_key &&
      !repository_.store().stat(session_folder(key, id) + std::string(kSessionKeyName)))
    return;  // somebody else has taken it in meanwhile
  result_.refused.push_back(
      {.session = session, .why = std::string(error.happened()), .for_good = for_good});
  if (for_good) put_session_mark(repository_, session.id, SessionMark::kRefused, error.happened());
}

// A store may refuse, because it locks objects for a time; then the mark stays with them.
void Adoption::remove(const SessionInfo& session) {
  const std::string folder = session_folder(session.id.first, session.id.second);
  std::vector<std::string> names;
  for (const auto& [name, object] : session.objects) names.push_back(folder + name);
  try {
    repository_.store().remove_many(names);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermissionDenied) throw;
    progress_.notice(fmt::format("the store keeps the objects of session {} of {} for now",
                                 session.snapshot().short_hex(), session.machine()));
    return;
  }
  remove_session_mark(repository_, session.id, SessionMark::kTaken);
  remove_session_mark(repository_, session.id, SessionMark::kRefused);
}

void Adoption::discard() {
  for (const RefusedSession& refused : result_.refused) {
    if (!refused.for_good) continue;
    remove(refused.session);
    ++result_.discarded;
  }
}

AdoptionResult Adoption::run() {
  list_ = list_sessions(repository_);
  if (list_.sessions.empty() && list_.marks.empty()) return {};
  // After the marks: where one says that a snapshot stands, it stood before.
  snapshots_ = list_snapshots(repository_).snapshots;
  tidy();
  if (list_.sessions.empty()) return {};
  const Time now = Intent(repository_, IntentKind::kWriter).beat();  // by the store's clock
  take_all(sort_out(now));
  if (request_.discard) discard();
  return std::move(result_);
}

}  // namespace

AdoptionResult adopt(const Repository& repository, const AdoptionRequest& request,
                     Progress& progress) {
  return Adoption(repository, request, progress).run();
}

}  // namespace holdfast::repository
