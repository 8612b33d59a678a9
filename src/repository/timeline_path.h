// Which positions of a branch can be reached, and over how few segments.
#ifndef HOLDFAST_REPOSITORY_TIMELINE_PATH_H_
#define HOLDFAST_REPOSITORY_TIMELINE_PATH_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "repository/timeline.h"

namespace holdfast::repository {

// One position that the listing tells of.
struct TimelinePoint {
  static constexpr std::uint32_t kUnreachable = std::numeric_limits<std::uint32_t>::max();

  Position position;
  Time time{};                           // of the segment that ends here, else of the anchor
  bool after_gap = false;                // an anchor here says that commits before it were not seen
  std::uint32_t length = kUnreachable;   // segments to be laid over an anchor's snapshot
  const AnchorName* anchor = nullptr;    // the state itself, if length is 0
  const SegmentName* segment = nullptr;  // else the last step to it, if it is reachable
  std::size_t before = 0;                // what that is laid over: an index in the same branch

  bool reachable() const { return length != kUnreachable; }
};

// The positions of one branch, by number. Takes time proportional to their number (and a little
// more). Points into the timeline, which must outlive it.
class BranchPoints {
 public:
  // Those up to `last`: no way to a position leads over a later one.
  BranchPoints(const Timeline& timeline, Branch branch,
               std::uint64_t last = std::numeric_limits<std::uint64_t>::max());

  std::span<const TimelinePoint> points() const { return points_; }
  const TimelinePoint* find(std::uint64_t number) const;
  // The way to one of points() that is reachable.
  StatePath path(const TimelinePoint& point) const;

 private:
  std::vector<TimelinePoint> points_;
};

// Every branch of which anything is there, by number.
std::vector<Branch> branches(const Timeline& timeline);
bool contains(const LinePiece& piece, const Position& position);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_PATH_H_
