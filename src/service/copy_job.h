// `holdfast copy`, and the copies that a daemon keeps up to date.
#ifndef HOLDFAST_SERVICE_COPY_JOB_H_
#define HOLDFAST_SERVICE_COPY_JOB_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "repository/copy.h"
#include "service/session.h"

namespace holdfast::service {

struct CopyOutcome {
  std::string name, place;
  repository::CopyResult result;
  std::optional<Error> failure;  // why it could not be brought up to date at all
  double seconds = 0;
  bool complete() const { return !failure && result.failures.empty(); }
};

// The copies that are called so, each once; all others than the session's own without names. Throws
// kUsage for one that is not configured, or if there is none.
std::vector<const RepositoryConfiguration*> choose_copies(Session& session,
                                                          std::span<const std::string> names);

// Brings `copy` up to date from the repository of `session`. What befalls it is in the outcome, and
// in the log of the copy; only what concerns the session's own repository is thrown.
CopyOutcome copy_to(Session& session, const RepositoryConfiguration& copy, bool dry_run,
                    Progress& progress);

// Keeps all copies of a session up to date, each as often as its configuration says if anything has
// changed, on a thread of its own, until it is destroyed; a copy under way is then given up. The
// session is used only while this is made; `progress` must outlive it.
class CopyUpkeep {
 public:
  CopyUpkeep(Session& session, Progress& progress);
  ~CopyUpkeep();
  CopyUpkeep(const CopyUpkeep&) = delete;
  CopyUpkeep& operator=(const CopyUpkeep&) = delete;

  // There is something new in the repository. Thread safe.
  void note_change();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_COPY_JOB_H_
