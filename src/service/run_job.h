// `holdfast run [--] COMMAND…`: guard, lease, application, replication, in this order.
#ifndef HOLDFAST_SERVICE_RUN_JOB_H_
#define HOLDFAST_SERVICE_RUN_JOB_H_

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "engine/guard/guard.h"
#include "env/child_process.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

struct RunJob {
  std::vector<Database> databases;
  std::vector<std::string> command;
  std::chrono::milliseconds lease_wait{30'000};  // for the process of the deploy before
};

engine::GuardRequest guard_request(Session& session, const Database& database);

// `holdfast guard`: each database in turn.
struct GuardedDatabase {
  Database database;
  engine::GuardResult result;
};
std::vector<GuardedDatabase> guard(Session& session, std::span<const Database> databases, bool fix);

// 1. The lease of each database is taken or waited for; a store that is away is reported, and boot
//    goes on with what is there (refused only where the database is not there and no seed may be
//    used).
// 2. guard --fix. kGuardRefused ends here, before the application has started.
// 3. The application starts; replication begins beside it, and the full check (quick_check) too:
// what
//    that finds is reported and shown by status.
// 4. Signals pass through. When the application has ended: the last commit is shipped, the lease
//    released, and the answer is the application's own status.
int run(Session& session, const RunJob& job, env::SignalHold& signals);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RUN_JOB_H_
