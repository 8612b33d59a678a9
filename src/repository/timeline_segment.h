// The content of a segment. docs/format.md, "Timelines".
#ifndef HOLDFAST_REPOSITORY_TIMELINE_SEGMENT_H_
#define HOLDFAST_REPOSITORY_TIMELINE_SEGMENT_H_

#include "base/bytes.h"
#include "repository/timeline.h"

namespace holdfast::repository {

// Throws kInternal for what is no segment: pages out of order, content of another length.
Bytes serialize(const Segment& segment);
// Throws kDamagedObject, also if it is another segment than the name says; kRepositoryVersion for
// one of a later version.
Segment parse_segment(const SegmentName& name, Bytes content);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_SEGMENT_H_
