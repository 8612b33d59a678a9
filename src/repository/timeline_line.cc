// The main line, and what is looked for along it.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "repository/timeline.h"
#include "repository/timeline_names.h"
#include "repository/timeline_path.h"

namespace holdfast::repository {
namespace {

// What main_line() needs to know of a branch.
struct BranchEnds {
  const AnchorName* first = nullptr;
  std::uint64_t last = 0;
};

std::map<Branch, BranchEnds> ends_of_branches(const Timeline& timeline) {
  std::map<Branch, BranchEnds> ends;
  for (const auto* anchors : {&timeline.anchors, &timeline.links}) {
    for (const AnchorName& anchor : *anchors) {
      BranchEnds& end = ends[anchor.position.branch];
      if (end.first == nullptr || anchor.position.number < end.first->position.number) {
        end.first = &anchor;
      }
      end.last = std::max(end.last, anchor.position.number);
    }
  }
  for (const SegmentName& segment : timeline.segments) {
    const auto found = ends.find(segment.position.branch);
    if (found == ends.end()) continue;
    found->second.last = std::max(found->second.last, segment.position.number);
  }
  return ends;
}

// The positions of the main line from the oldest to the newest.
class Line {
 public:
  explicit Line(const Timeline& timeline) {
    for (const LinePiece& piece : main_line(timeline)) {
      branches_.emplace_back(timeline, piece.branch);
      for (const TimelinePoint& point : branches_.back().points()) {
        if (contains(piece, point.position)) {
          entries_.push_back({&point, branches_.size() - 1});
        }
      }
    }
  }

  std::size_t size() const { return entries_.size(); }
  const TimelinePoint& operator[](std::size_t index) const { return *entries_[index].point; }
  StatePath path(std::size_t index) const {
    return branches_[entries_[index].branch].path(*entries_[index].point);
  }
  // Empty if there is none.
  std::optional<std::size_t> last_where(
      const std::function<bool(const TimelinePoint&)>& condition) const {
    for (std::size_t i = size(); i > 0; --i) {
      if (condition((*this)[i - 1])) return i - 1;
    }
    return std::nullopt;
  }
  std::optional<std::size_t> first_where(
      std::size_t from, const std::function<bool(const TimelinePoint&)>& condition) const {
    for (std::size_t i = from; i < size(); ++i) {
      if (condition((*this)[i])) return i;
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    const TimelinePoint* point;
    std::size_t branch;
  };
  std::vector<BranchPoints> branches_;  // moving one leaves its points where they are
  std::vector<Entry> entries_;
};

bool is_reachable(const TimelinePoint& point) { return point.reachable(); }

}  // namespace

std::vector<LinePiece> main_line(const Timeline& timeline) {
  const std::map<Branch, BranchEnds> ends = ends_of_branches(timeline);
  std::vector<LinePiece> pieces;
  if (ends.empty()) return pieces;
  auto at = std::prev(ends.end());
  std::uint64_t last = at->second.last;
  while (true) {
    const AnchorName& first = *at->second.first;
    if (last >= first.position.number) {
      pieces.push_back({.branch = at->first,
                        .after = first.position.number - 1,
                        .last = last,
                        .relation = first.relation});
    }
    // Downwards only, so that no made-up names lead in a circle.
    if (first.origin.branch >= at->first) break;
    at = ends.find(first.origin.branch);
    if (at == ends.end()) break;
    last = first.origin.number;
  }
  std::ranges::reverse(pieces);
  return pieces;
}

std::vector<Branch> side_branches(const Timeline& timeline) {
  const std::vector<LinePiece> line = main_line(timeline);
  std::set<Branch> side;
  const auto look_at = [&](const Position& position) {
    const auto holds = [&](const LinePiece& piece) { return contains(piece, position); };
    if (std::ranges::none_of(line, holds)) side.insert(position.branch);
  };
  for (const SegmentName& name : timeline.segments) look_at(name.position);
  for (const AnchorName& name : timeline.anchors) look_at(name.position);
  return {side.begin(), side.end()};
}

std::optional<StatePath> find_path(const Timeline& timeline, const Position& position) {
  const auto find_in = [&](Branch branch) -> std::optional<StatePath> {
    const BranchPoints points(timeline, branch, position.number);
    const TimelinePoint* point = points.find(position.number);
    if (point == nullptr || !point->reachable()) return std::nullopt;
    return points.path(*point);
  };
  if (position.branch != 0) return find_in(position.branch);
  // The newest first: where one branch ends another may begin with the same state.
  std::vector<LinePiece> line = main_line(timeline);
  std::ranges::reverse(line);
  for (const LinePiece& piece : line) {
    if (!contains(piece, {.branch = piece.branch, .number = position.number})) continue;
    if (auto path = find_in(piece.branch)) return path;
  }
  return std::nullopt;
}

std::optional<StatePath> find_moment(const Timeline& timeline, Time time, Nearest* nearest) {
  const Line line(timeline);
  const auto found = line.last_where(
      [&](const TimelinePoint& point) { return point.reachable() && point.time <= time; });
  const std::size_t next = found ? *found + 1 : 0;
  const auto later =
      line.first_where(next, [&](const TimelinePoint& point) { return point.time > time; });
  if (found && !(later && line[*later].after_gap)) return line.path(*found);
  if (nearest != nullptr) {
    *nearest = {};
    if (found) nearest->before = line[*found].position;
    if (const auto after = line.first_where(next, is_reachable)) {
      nearest->after = line[*after].position;
    }
  }
  return std::nullopt;
}

std::optional<StatePath> find_newest(const Timeline& timeline) {
  const Line line(timeline);
  const auto found = line.last_where(is_reachable);
  if (!found) return std::nullopt;
  return line.path(*found);
}

std::vector<Position> find_check(const Timeline& timeline, std::string_view check) {
  check = check.substr(0, kCheckDigits);
  std::set<Position, std::greater<>> found;
  for (const SegmentName& name : timeline.segments) {
    if (name.check.text().starts_with(check)) found.insert(name.position);
  }
  for (const AnchorName& name : timeline.anchors) {
    if (name.check.text().starts_with(check)) found.insert(name.position);
  }
  return {found.begin(), found.end()};
}

}  // namespace holdfast::repository
