#include "repository/timeline_path.h"

#include <algorithm>
#include <ranges>

namespace holdfast::repository {
namespace {

// The part of a list in order of position that is of one branch.
template <typename Name>
std::span<const Name> of_branch(const std::vector<Name>& names, Branch branch) {
  const auto found = std::ranges::equal_range(
      names, branch, {}, [](const Name& name) { return name.position.branch; });
  return {found.begin(), found.end()};
}

bool follows_gap(const AnchorName& anchor) {
  return anchor.relation == Relation::kRepaired || anchor.relation == Relation::kReplaced;
}
// Whether segments that lead to this state go on from the one before. Unseen commits are in no
// segment, and what a fork left behind is in too many.
bool begins_anew(const AnchorName& anchor) {
  return follows_gap(anchor) || anchor.relation == Relation::kForked;
}

// The states that a segment can be laid over: for each number the one with the shortest way among
// those from it on.
class Candidates {
 public:
  void add(std::uint64_t number, std::uint32_t length, std::size_t index) {
    while (!stack_.empty() && stack_.back().length >= length) stack_.pop_back();
    stack_.push_back({number, length, index});
  }
  // Positions before `number` are of no use any more: no segment leads over what happened there.
  void forget_below(std::uint64_t number) { floor_ = number; }

  struct Candidate {
    std::uint64_t number;
    std::uint32_t length;
    std::size_t index;
  };
  const Candidate* best_from(std::uint64_t number) const {
    const auto found =
        std::ranges::lower_bound(stack_, std::max(number, floor_), {}, &Candidate::number);
    return found == stack_.end() ? nullptr : &*found;
  }

 private:
  std::vector<Candidate> stack_;  // numbers and lengths grow
  std::uint64_t floor_ = 0;
};

// Takes from the front of a list what has a number.
template <typename Name>
std::span<const Name> take(std::span<const Name>& rest, std::uint64_t number) {
  std::size_t count = 0;
  while (count < rest.size() && rest[count].position.number == number) ++count;
  const auto taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

}  // namespace

BranchPoints::BranchPoints(const Timeline& timeline, Branch branch, std::uint64_t last) {
  auto segments = of_branch(timeline.segments, branch);
  auto anchors = of_branch(timeline.anchors, branch);
  auto links = of_branch(timeline.links, branch);
  points_.reserve(segments.size() + anchors.size() + links.size());
  Candidates candidates;
  while (!segments.empty() || !anchors.empty() || !links.empty()) {
    std::uint64_t number = std::numeric_limits<std::uint64_t>::max();
    if (!segments.empty()) number = std::min(number, segments.front().position.number);
    if (!anchors.empty()) number = std::min(number, anchors.front().position.number);
    if (!links.empty()) number = std::min(number, links.front().position.number);

    if (number > last) break;

    TimelinePoint point{.position = {.branch = branch, .number = number}};
    bool anew = false;
    for (const AnchorName& link : take(links, number)) {
      point.time = link.time;
      point.after_gap |= follows_gap(link);
      anew |= begins_anew(link);
    }
    for (const AnchorName& anchor : take(anchors, number)) {
      point.time = anchor.time;
      point.after_gap |= follows_gap(anchor);
      anew |= begins_anew(anchor);
      point.anchor = &anchor;
      point.length = 0;
    }
    if (anew) candidates.forget_below(number);
    for (const SegmentName& segment : take(segments, number)) {
      point.time = segment.time;
      const auto* from = candidates.best_from(segment.base);
      if (from == nullptr || from->length + 1 >= point.length) continue;
      point.length = from->length + 1;
      point.segment = &segment;
      point.before = from->index;
    }
    if (point.reachable()) candidates.add(number, point.length, points_.size());
    points_.push_back(point);
  }
}

const TimelinePoint* BranchPoints::find(std::uint64_t number) const {
  const auto found = std::ranges::lower_bound(
      points_, number, {}, [](const TimelinePoint& point) { return point.position.number; });
  return found == points_.end() || found->position.number != number ? nullptr : &*found;
}

StatePath BranchPoints::path(const TimelinePoint& point) const {
  StatePath path{.position = point.position, .time = point.time, .anchor = {}, .segments = {}};
  const TimelinePoint* at = &point;
  for (; at->length > 0; at = &points_[at->before]) path.segments.push_back(*at->segment);
  path.anchor = *at->anchor;
  return path;
}

std::vector<Branch> branches(const Timeline& timeline) {
  std::set<Branch> all;
  for (const SegmentName& name : timeline.segments) all.insert(name.position.branch);
  for (const AnchorName& name : timeline.anchors) all.insert(name.position.branch);
  for (const AnchorName& name : timeline.links) all.insert(name.position.branch);
  return {all.begin(), all.end()};
}

bool contains(const LinePiece& piece, const Position& position) {
  return piece.branch == position.branch && position.number > piece.after &&
         position.number <= piece.last;
}

}  // namespace holdfast::repository
