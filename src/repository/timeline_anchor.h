// The content of an anchor. docs/format.md, "Timelines".
#ifndef HOLDFAST_REPOSITORY_TIMELINE_ANCHOR_H_
#define HOLDFAST_REPOSITORY_TIMELINE_ANCHOR_H_

#include "base/bytes.h"
#include "repository/timeline.h"

namespace holdfast::repository {

Bytes serialize(const Anchor& anchor);
// Throws kDamagedObject, also if it is another anchor than the name says; kRepositoryVersion for
// one of a later version.
Anchor parse_anchor(const AnchorName& name, ByteView json);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_ANCHOR_H_
