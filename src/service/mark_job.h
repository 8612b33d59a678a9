// `holdfast mark`: a position gets a name.
#ifndef HOLDFAST_SERVICE_MARK_JOB_H_
#define HOLDFAST_SERVICE_MARK_JOB_H_

#include <span>
#include <string>
#include <vector>

#include "repository/timeline.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

struct MarkedPosition {
  std::string database;
  repository::Mark mark;
  Time state{};  // when its last commit was seen
  // Everything that was committed when the mark was asked for is in it, as far as this host knows.
  bool complete = false;
};
// The newest durable position of each database gets the name. With a replicator at work, what is
// committed now is waited for first, up to `longest`. Throws kUsage for a bad name, and
// kPositionMissing where there is no position: then no database was marked.
std::vector<MarkedPosition> mark(Session& session, std::span<const Database> databases,
                                 const std::string& name, Duration longest);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_MARK_JOB_H_
