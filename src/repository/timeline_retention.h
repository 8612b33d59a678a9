// Which positions of a timeline are kept: every one for a while, then thinner. docs/retention.md.
#ifndef HOLDFAST_REPOSITORY_TIMELINE_RETENTION_H_
#define HOLDFAST_REPOSITORY_TIMELINE_RETENTION_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "repository/repository.h"
#include "repository/timeline.h"

namespace holdfast::repository {

struct Snapshot;

// Snapshots that replication took carry this tag: they belong to the timeline's retention, and the
// policies of `forget` leave them alone.
inline constexpr std::string_view kReplicatedTag = "replicated";
// One that a timeline was closed into.
bool is_replicated(const Snapshot& snapshot);

struct TimelineStep {
  std::chrono::seconds age{};      // up to this old …
  std::chrono::seconds spacing{};  // … one position in each of these; 0: every position
};
// Ages grow. What is older than the last step goes; the newest reachable position, the newest
// anchor of the main line, and what marks need are always kept.
struct TimelinePolicy {
  std::vector<TimelineStep> steps = {{std::chrono::minutes(10), std::chrono::seconds(0)},
                                     {std::chrono::hours(2), std::chrono::seconds(1)},
                                     {std::chrono::hours(48), std::chrono::minutes(1)},
                                     {std::chrono::hours(24 * 30), std::chrono::hours(1)}};
};

struct Thinning {
  std::vector<SegmentName> segments;  // that no kept position needs
  std::vector<AnchorName> anchors;    // the same; their snapshots go with them
};
// Of the positions in one period the one that costs least is kept: an anchor, else the one with the
// widest segment; of equals the newest. Side branches are thinned alike, each by itself. Ages are
// measured from `now`; what lies in the future is new, and nothing is older than what came before
// it. What cannot be reached is removed when it is
// older than an hour. The first anchor of a branch stays as long as anything that the branch goes
// on from.
Thinning plan_thinning(const Timeline& timeline, std::span<const Mark> marks,
                       const TimelinePolicy& policy, Time now);
// What to measure ages from: this machine's clock, but no later than when the store got the newest
// anchor. A clock that jumps ahead must not make history old.
Time thinning_time(const Repository& repository, const Timeline& timeline);
// Anchors first, then their snapshots (only those tagged kReplicatedTag), then segments. Whatever
// is gone already is no error. An interruption leaves what another run removes, except for
// snapshots whose anchor is gone: remove_unanchored() removes those.
void thin(const Repository& repository, const Timeline& timeline, const Thinning& thinning);

// Snapshots of this series alone that are tagged kReplicatedTag, belong to no anchor, are older
// than an hour and older than the newest anchor: an interruption left them, and what came after it
// has a place in the timeline. Reads each snapshot without an anchor, so it is for the beginning of
// a session, not for each thinning.
void remove_unanchored(const Repository& repository, const Timeline& timeline, Time now);

struct TimelineVerdict {
  std::uint64_t segments = 0, anchors = 0, reachable = 0;  // positions
  std::vector<std::string> damaged;                        // objects that do not open
};
// Opens every segment and anchor. Never throws for damage.
TimelineVerdict verify_timeline(const Repository& repository, const Timeline& timeline);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_RETENTION_H_
