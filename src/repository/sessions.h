// The sealed sessions that lie in a store, as the repository sees them.
#ifndef HOLDFAST_REPOSITORY_SESSIONS_H_
#define HOLDFAST_REPOSITORY_SESSIONS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "repository/keys.h"
#include "repository/repository.h"
#include "repository/session_folder.h"
#include "repository/session_marks.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

enum class SessionState {
  kOpen,     // its snapshot is not there yet: it is being sent, or never will be
  kWaiting,  // complete
  kRefused,  // complete, and cannot be taken in: see SessionMark::kRefused
  kTaken,    // in the repository already; its objects are still to be removed, or cannot be
};

struct SessionInfo {
  SessionId id;
  std::optional<KeyInfo> key;  // whose label is the machine's name; empty if it was removed
  SessionState state = SessionState::kOpen;
  Time newest{};  // by the store's clock: of its objects
  std::uint64_t bytes = 0;
  SessionObjects objects;  // by their names within the session

  const SnapshotId& snapshot() const { return id.second; }
  std::string machine() const { return key ? key->label : "a machine whose key was removed"; }
};

struct SessionList {
  std::vector<SessionInfo> sessions;  // oldest first
  SessionMarks marks;                 // listed after them
};
// Of all keys, or of one. Two listings where no machine ever sent anything.
SessionList list_sessions(const Repository& repository, const ObjectId* key = nullptr);

// Nothing was added to an open session for so long: nobody is sending it any more.
inline constexpr std::chrono::hours kLongestSilence{24};

// To be asked before a snapshot is removed from the repository. False: it came from a machine that
// may be about to send what goes on from it, so it has to stay for now. Otherwise no machine goes
// on from it any more, nor will it come back.
bool release(const Repository& repository, const Snapshot& snapshot);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SESSIONS_H_
