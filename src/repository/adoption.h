// Taking in what machines with write-only keys have sent: see sealed_session.h and docs/format.md,
// "Sealed sessions".
//
// A session becomes an ordinary snapshot with the same id: committed by a writer like any other,
// then marked as taken in, then removed. It may be interrupted anywhere, and done by several at
// once. Where the store does not let it be removed, the mark keeps a snapshot that is forgotten
// later from coming back. Who holds a write key may be hostile, so nothing in a session is believed
// but that its holder made it: it may only bring snapshots of its own machine, of databases that no
// other host has, and go on from snapshots of its own.
#ifndef HOLDFAST_REPOSITORY_ADOPTION_H_
#define HOLDFAST_REPOSITORY_ADOPTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "repository/repository.h"
#include "repository/sessions.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct AdoptionRequest {
  bool again = false;    // also look once more at what was refused
  bool discard = false;  // remove what is refused for good
  unsigned threads = 0;  // 0: one for each core, at most four
};

struct RefusedSession {
  SessionInfo session;
  std::string why;
  // The session itself is the reason, or its key is gone. Otherwise it waits for a better time.
  bool for_good = false;
};

struct AdoptionResult {
  std::vector<Snapshot> adopted;        // as they stand in the repository
  std::vector<RefusedSession> refused;  // they stay where they are, unless discarded
  std::uint64_t open = 0;               // sessions that are being sent
  std::uint64_t discarded = 0;
  std::uint64_t bytes_read = 0, bytes_stored = 0;
};

// A session that cannot be taken in is among `refused` and stops nothing else; what makes the whole
// impossible is thrown.
AdoptionResult adopt(const Repository& repository, const AdoptionRequest& request,
                     Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_ADOPTION_H_
