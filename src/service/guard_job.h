// `holdfast guard`: is each database what it must be, and what brings it back.
#ifndef HOLDFAST_SERVICE_GUARD_JOB_H_
#define HOLDFAST_SERVICE_GUARD_JOB_H_

#include <span>
#include <vector>

#include "engine/guard/guard.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

engine::GuardRequest guard_request(Session& session, const Database& database);

// `holdfast guard`: each database in turn.
struct GuardedDatabase {
  Database database;
  engine::GuardResult result;
};
std::vector<GuardedDatabase> guard(Session& session, std::span<const Database> databases, bool fix);
// One database; `repository` is null where the store is away. Restores, merges and the like leave
// an entry in the log.
GuardedDatabase guard_one(Session& session, const repository::Repository* repository,
                          const Database& database, bool fix, Progress& progress);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_GUARD_JOB_H_
