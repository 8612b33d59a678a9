#ifndef HOLDFAST_SERVICE_TIMELINE_VERIFICATION_H_
#define HOLDFAST_SERVICE_TIMELINE_VERIFICATION_H_

#include <string>
#include <vector>

#include "repository/snapshot.h"
#include "repository/timeline_retention.h"
#include "service/session.h"

namespace holdfast::service {

struct VerifiedTimeline {
  std::string database;
  repository::TimelineVerdict verdict;
};
// Of every database that one of the snapshots holds: each segment and anchor is opened.
std::vector<VerifiedTimeline> verify_timelines(Session& session,
                                               const std::vector<repository::Snapshot>& snapshots);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_TIMELINE_VERIFICATION_H_
