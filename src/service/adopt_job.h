// Taking in what machines with write-only keys have sent: `holdfast adopt`, and whatever must not
// miss it.
#ifndef HOLDFAST_SERVICE_ADOPT_JOB_H_
#define HOLDFAST_SERVICE_ADOPT_JOB_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "repository/adoption.h"
#include "service/session.h"

namespace holdfast::service {

// Leaves an entry in the log if anything was taken in, refused or discarded.
repository::AdoptionResult adopt(Session& session, const repository::AdoptionRequest& request);

// What a machine has sent and nobody has taken in.
struct WaitingSessions {
  std::string machine;
  std::uint64_t waiting = 0, refused = 0;
  std::optional<Time> oldest;  // when the oldest of those that wait was complete
};
std::vector<WaitingSessions> waiting_sessions(Session& session);
// "2 backups of web wait to be taken in since …"; empty for none.
std::string describe(const WaitingSessions& sessions);

// Before a command that must see all there is, and may change the repository; answers what could
// not be taken in. Whatever goes wrong is a warning: what waits goes on waiting, and the command
// has its own work to do.
std::vector<WaitingSessions> adopt_waiting(Session& session, Progress& progress);
// Whether adopt_waiting() would find anything; a failure to look is a warning.
bool something_waits(Session& session, Progress& progress);
// Before one that only looks: says what waits, and answers it.
std::vector<WaitingSessions> tell_of_waiting(Session& session, Progress& progress);

// Takes in what comes, as often as it is told, on a thread of its own, until it is destroyed; what
// is under way is then given up. Where no machine has a write-only key, nothing is asked of the
// store as long as nothing changes here. The session, whose repository is open, and `progress` must
// outlive it.
class AdoptionUpkeep {
 public:
  // `on_adopted` is called on the thread; 0 `every`: nothing is done.
  AdoptionUpkeep(Session& session, std::chrono::seconds every, std::function<void()> on_adopted,
                 Progress& progress);
  ~AdoptionUpkeep();
  AdoptionUpkeep(const AdoptionUpkeep&) = delete;
  AdoptionUpkeep& operator=(const AdoptionUpkeep&) = delete;

  // There is something new in the repository. Thread safe.
  void note_change();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_ADOPT_JOB_H_
