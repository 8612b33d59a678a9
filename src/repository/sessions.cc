#include "repository/sessions.h"

#include <algorithm>
#include <map>
#include <utility>

#include "repository/intent.h"

namespace holdfast::repository {
namespace {

SessionState state_of(const SessionInfo& session, const SessionMarks& marks) {
  const auto found = marks.find(session.id);
  const auto has = [&](SessionMark mark) {
    return found != marks.end() && found->second.contains(mark);
  };
  if (has(SessionMark::kTaken)) return SessionState::kTaken;
  const auto snapshot = session.objects.lower_bound("snapshots/");
  const bool complete =
      snapshot != session.objects.end() && snapshot->first.starts_with("snapshots/");
  if (!complete) return SessionState::kOpen;
  return has(SessionMark::kRefused) ? SessionState::kRefused : SessionState::kWaiting;
}

}  // namespace

SessionList list_sessions(const Repository& repository, const ObjectId* key) {
  std::map<SessionId, SessionInfo> found;
  repository.store().list_first(
      key == nullptr ? std::string(kSealedPrefix) : sealed_folder(*key),
      [&](std::string_view name, const storage::ObjectStatus& status, const std::string& version) {
        const auto part = session_part(name);
        if (!part) return;
        SessionInfo& session = found[{part->key, part->session}];
        session.id = {part->key, part->session};
        session.newest = std::max(session.newest, status.modified);
        session.bytes += status.size;
        session.objects.emplace(part->name, SessionObject{.status = status, .version = version});
      });
  // What is taken in meanwhile has its mark before it goes.
  SessionList list{.sessions = {}, .marks = list_session_marks(repository)};
  if (found.empty()) return list;
  const std::vector<KeyInfo> keys = list_keys(repository.store());
  for (auto& [id, session] : found) {
    const auto owner = std::ranges::find_if(keys, [&](const KeyInfo& one) {
      return one.id == id.first && one.kind == KeyKind::kWrite;
    });
    if (owner != keys.end()) session.key = *owner;
    session.state = state_of(session, list.marks);
    list.sessions.push_back(std::move(session));
  }
  std::ranges::sort(list.sessions, {}, [](const SessionInfo& session) {
    return std::pair(session.newest, session.id);
  });
  return list;
}

// The mark goes first. A session that was announced before is seen here; one that is announced
// later sees the mark, and sends everything.
bool release(const Repository& repository, const Snapshot& snapshot) {
  if (snapshot.machine == ObjectId()) return true;
  const SessionId id{snapshot.machine, snapshot.id};
  put_session_mark(repository, id, SessionMark::kLeaving);
  const SessionList list = list_sessions(repository, &snapshot.machine);
  std::optional<Time> now;
  const bool needed = std::ranges::any_of(list.sessions, [&](const SessionInfo& session) {
    if (!session.key || session.id == id) return false;
    if (session.state != SessionState::kOpen) return session.state == SessionState::kWaiting;
    if (!now) now = Intent(repository, IntentKind::kWriter).beat();
    return *now - session.newest <= kLongestSilence;
  });
  if (needed) {
    remove_session_mark(repository, id, SessionMark::kLeaving);
    return false;
  }
  const bool stays = std::ranges::any_of(
      list.sessions, [&](const SessionInfo& session) { return session.id == id; });
  if (stays) put_session_mark(repository, id, SessionMark::kTaken);
  remove_session_mark(repository, id, SessionMark::kBase);
  remove_session_mark(repository, id, SessionMark::kLeaving);
  return true;
}

}  // namespace holdfast::repository
