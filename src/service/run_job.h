// `holdfast run [--] COMMAND…`: guard, lease, application, replication, in this order.
#ifndef HOLDFAST_SERVICE_RUN_JOB_H_
#define HOLDFAST_SERVICE_RUN_JOB_H_

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "env/child_process.h"
#include "service/databases.h"
#include "service/guard_job.h"
#include "service/session.h"

namespace holdfast::service {

struct RunJob {
  std::vector<Database> databases;        // single files
  std::vector<DatabasePattern> patterns;  // files that come and go; also those that only the
                                          // history knows are guarded
  std::vector<std::string> command;
  std::chrono::milliseconds lease_wait{30'000};  // for the process of the deploy before
};

// 1. The lease of each database is taken or waited for; a store that is away is reported, and boot
//    goes on with what is there (refused only where the database is not there and no seed may be
//    used).
// 2. guard --fix. kGuardRefused ends here, before the application has started.
// 3. The application starts; replication begins beside it, and the full check (quick_check) too:
//    what that finds is reported and shown by status.
// 4. Signals pass through. When the application has ended: the last commit is shipped, the lease
//    released, and the answer is the application's own status.
int run(Session& session, const RunJob& job, env::SignalHold& signals);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RUN_JOB_H_
