#ifndef HOLDFAST_REPOSITORY_TIMELINE_COPY_H_
#define HOLDFAST_REPOSITORY_TIMELINE_COPY_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "repository/copy.h"
#include "repository/timeline.h"

namespace holdfast::repository {

// What a copy of one database's timeline is still to get. Names are those of the source.
struct TimelineGaps {
  std::string from_series, to_series;
  Timeline timeline;                  // of the copy, as it is
  std::vector<AnchorName> anchors;    // whose snapshots the source has; oldest first
  std::vector<AnchorName> links;      // without one
  std::vector<SegmentName> segments;  // oldest first
  std::vector<Mark> marks;

  bool empty() const {
    return anchors.empty() && links.empty() && segments.empty() && marks.empty();
  }
};
struct CopySide {
  const Repository& repository;
  const std::set<SnapshotId>& snapshots;  // that are there
};
// `policy` says what the copy keeps: what it has thinned out is not missing.
TimelineGaps find_gaps(const CopySide& from, const CopySide& to, std::string_view database,
                       const TimelinePolicy& policy);

// Fills them. An anchor whose snapshot is not in the copy is left for another time. Adds to
// `result`.
void copy_timeline(const Repository& from, const Repository& to, const TimelineGaps& gaps,
                   Progress& progress, CopyResult& result);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_COPY_H_
