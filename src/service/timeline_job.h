// `holdfast timeline`: what can be reached, and where nothing can.
#ifndef HOLDFAST_SERVICE_TIMELINE_JOB_H_
#define HOLDFAST_SERVICE_TIMELINE_JOB_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "repository/timeline.h"
#include "service/session.h"

namespace holdfast::service {

struct TimelineRow {
  enum class Kind {
    kReachable,   // states without a gap between the first and the last of them
    kGap,         // commits between two of them that cannot be had
    kFork,        // the database was at an earlier state again: it goes on from `first`
    kSideBranch,  // states that are kept, but are not what the database came from
    kMark,
    kSnapshot,  // a backup that somebody took, outside of the timeline
  } kind = Kind::kReachable;
  Time from{}, to{};
  repository::Position first, last;
  std::uint64_t states = 0;  // that can be restored between them, both counted
  std::string text;          // a mark's or snapshot's name; why there is a gap
};
std::string_view kind_name(TimelineRow::Kind kind);

struct TimelineDescription {
  std::string database;
  std::vector<TimelineRow> rows;  // oldest first
  std::uint64_t states = 0;       // of the main line that can be restored
  repository::Position newest;    // of those; branch 0: none
  Time newest_time{};
  std::vector<std::string> warnings;  // what could not be read
};
TimelineDescription describe_timeline(Session& session, std::string_view database);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_TIMELINE_JOB_H_
