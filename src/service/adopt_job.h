// Taking in what machines with write-only keys have sent: `holdfast adopt`, and whatever must not
// miss it.
#ifndef HOLDFAST_SERVICE_ADOPT_JOB_H_
#define HOLDFAST_SERVICE_ADOPT_JOB_H_

#include <optional>
#include <string>
#include <vector>

#include "repository/adoption.h"
#include "service/session.h"

namespace holdfast::service {

// Leaves an entry in the log if anything was taken in, refused or discarded.
repository::AdoptionResult adopt(Session& session, const repository::AdoptionRequest& request);

// Before a command that must see all there is. Whatever goes wrong is a warning: what waits goes on
// waiting, and the command has its own work to do.
void adopt_waiting(Session& session);

// What a machine has sent and nobody has taken in.
struct WaitingSessions {
  std::string machine;
  std::uint64_t waiting = 0, refused = 0;
  std::optional<Time> oldest;  // when the oldest of those that wait was complete
};
std::vector<WaitingSessions> waiting_sessions(Session& session);
// "2 backups of web wait to be taken in since …"; empty for none.
std::string describe(const WaitingSessions& sessions);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_ADOPT_JOB_H_
