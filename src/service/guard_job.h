// `holdfast guard`: is each database what it must be, and what brings it back.
#ifndef HOLDFAST_SERVICE_GUARD_JOB_H_
#define HOLDFAST_SERVICE_GUARD_JOB_H_

#include <span>
#include <vector>

#include "engine/guard/guard.h"
#include "service/adopt_job.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

engine::GuardRequest guard_request(Session& session, const Database& database);

// `holdfast guard`: each database in turn.
struct GuardedDatabase {
  Database database;
  engine::GuardResult result;
  // Of all machines, whatever their databases; empty with `fix`, which takes them in.
  std::vector<WaitingSessions> sealed = {};
};
std::vector<GuardedDatabase> guard(Session& session, std::span<const Database> databases, bool fix);
// One database; `repository` is null where the store is away. With `fix`, what it has lost of a
// state is taken from its copies, and restores, merges and the like leave an entry in the log.
GuardedDatabase guard_one(Session& session, const repository::Repository* repository,
                          const Database& database, bool fix, Progress& progress);

// Before the databases are guarded with `fix`: takes in what waits, where one of them would not be
// served as it is and its history may so become newer. An application whose databases are as they
// must be does not wait for what other machines have sent.
void adopt_what_may_help(Session& session, std::span<const Database> databases, Progress& progress);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_GUARD_JOB_H_
