#include "repository/timeline_retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "repository/snapshot.h"
#include "repository/timeline_names.h"
#include "repository/timeline_path.h"

namespace holdfast::repository {
namespace {

// What nothing leads to may still be on its way: an anchor whose snapshot was put after the list of
// snapshots was made seems to have none.
constexpr auto kUnreachableAge = std::chrono::hours(1);
constexpr Branch kMainLine = 0;

// Chooses what stays; everything else goes.
class ThinningPlan {
 public:
  ThinningPlan(const Timeline& timeline, const TimelinePolicy& policy, Time now)
      : timeline_(timeline), policy_(policy), now_(now), line_(main_line(timeline)) {
    for (const Branch branch : branches(timeline)) points_.try_emplace(branch, timeline, branch);
  }

  void keep_by_age();
  void keep_newest();
  void keep_marked(std::span<const Mark> marks);
  void keep_links();
  Thinning rest() const;

 private:
  // One position in each period of each step, of the main line and of each side branch by itself.
  using Period = std::tuple<Branch, std::size_t, std::int64_t>;

  Branch line_of(const Position& position) const;
  const TimelineStep* step_for(Time time) const;
  void keep(const TimelinePoint& point);
  bool dates(const SegmentName& segment, const TimelinePoint& point) const;
  bool is_old(Time time) const { return now_ - time > kUnreachableAge; }

  const Timeline& timeline_;
  const TimelinePolicy& policy_;
  const Time now_;
  const std::vector<LinePiece> line_;
  std::map<Branch, BranchPoints> points_;
  std::set<SegmentName> kept_segments_;
  std::set<std::string_view> kept_anchors_;  // objects
  std::map<Branch, std::uint64_t> oldest_kept_;
};

Branch ThinningPlan::line_of(const Position& position) const {
  const auto holds = [&](const LinePiece& piece) { return contains(piece, position); };
  return std::ranges::any_of(line_, holds) ? kMainLine : position.branch;
}

const TimelineStep* ThinningPlan::step_for(Time time) const {
  const auto found = std::ranges::find_if(
      policy_.steps, [&](const TimelineStep& step) { return now_ - time <= step.age; });
  return found == policy_.steps.end() ? nullptr : &*found;
}

void ThinningPlan::keep(const TimelinePoint& point) {
  if (!point.reachable()) return;
  const BranchPoints& branch = points_.at(point.position.branch);
  const TimelinePoint* at = &point;
  // Where one object of the way is kept, all before it are too.
  while (at->length > 0 && kept_segments_.insert(*at->segment).second) {
    at = &branch.points()[at->before];
  }
  if (at->length == 0) kept_anchors_.insert(at->anchor->object);
  const auto [oldest, added] =
      oldest_kept_.try_emplace(point.position.branch, point.position.number);
  if (!added) oldest->second = std::min(oldest->second, point.position.number);
}

void ThinningPlan::keep_by_age() {
  // Less is cheaper.
  const auto cost = [](const TimelinePoint& point) {
    const std::uint64_t width =
        point.length == 0 ? 0 : point.segment->position.number - point.segment->base;
    return std::pair(point.length > 0, ~width);
  };
  std::map<Period, const TimelinePoint*> chosen;
  // Nothing is older than what came before it, even if a clock was set back in between.
  Time latest{};
  for (const auto& [branch, points] : points_) {
    for (const TimelinePoint& point : points.points()) {
      if (point.time <= now_) latest = std::max(latest, point.time);
      const TimelineStep* step = step_for(std::max(point.time, latest));
      if (!point.reachable() || step == nullptr) continue;
      if (step->spacing.count() <= 0) {
        keep(point);
        continue;
      }
      const Period period{line_of(point.position),
                          static_cast<std::size_t>(step - policy_.steps.data()),
                          point.time.time_since_epoch() / step->spacing};
      const auto [at, added] = chosen.try_emplace(period, &point);
      if (!added && cost(point) <= cost(*at->second)) at->second = &point;
    }
  }
  for (const auto& [period, point] : chosen) keep(*point);
}

void ThinningPlan::keep_newest() {
  if (const auto newest = find_newest(timeline_)) {
    keep(*points_.at(newest->position.branch).find(newest->position.number));
  }
  for (auto piece = line_.rbegin(); piece != line_.rend(); ++piece) {
    const std::span points = points_.at(piece->branch).points();
    const auto found =
        std::find_if(points.rbegin(), points.rend(), [&](const TimelinePoint& point) {
          return point.anchor != nullptr && contains(*piece, point.position);
        });
    if (found == points.rend()) continue;
    keep(*found);
    return;
  }
}

void ThinningPlan::keep_marked(std::span<const Mark> marks) {
  for (const Mark& mark : marks) {
    const auto branch = points_.find(mark.position.branch);
    if (branch == points_.end()) continue;
    const TimelinePoint* point = branch->second.find(mark.position.number);
    if (point != nullptr) keep(*point);
  }
}

// Without the first anchor of a branch nobody would know what it goes on from.
void ThinningPlan::keep_links() {
  bool anything_before = false;
  for (const LinePiece& piece : line_) {
    if (anything_before) {
      for (const auto* anchors : {&timeline_.anchors, &timeline_.links}) {
        for (const AnchorName& anchor : *anchors) {
          if (anchor.position == Position{.branch = piece.branch, .number = piece.after + 1}) {
            kept_anchors_.insert(anchor.object);
          }
        }
      }
    }
    const auto oldest = oldest_kept_.find(piece.branch);
    anything_before |= oldest != oldest_kept_.end() && oldest->second <= piece.last;
  }
}

// The timeline may be closed long after its last commit. As long as every position is kept, the
// segment stays that tells when that was.
bool ThinningPlan::dates(const SegmentName& segment, const TimelinePoint& point) const {
  if (point.length > 0 || !kept_anchors_.contains(point.anchor->object)) return false;
  const TimelineStep* step = step_for(segment.time);
  return segment.time < point.anchor->time && step != nullptr && step->spacing.count() <= 0;
}

Thinning ThinningPlan::rest() const {
  Thinning thinning;
  for (const SegmentName& segment : timeline_.segments) {
    if (kept_segments_.contains(segment)) continue;
    const TimelinePoint& point = *points_.at(segment.position.branch).find(segment.position.number);
    if (dates(segment, point)) continue;
    if (point.reachable() || is_old(segment.time)) thinning.segments.push_back(segment);
  }
  for (const AnchorName& anchor : timeline_.anchors) {
    if (!kept_anchors_.contains(anchor.object)) thinning.anchors.push_back(anchor);
  }
  for (const AnchorName& anchor : timeline_.links) {
    if (!kept_anchors_.contains(anchor.object) && is_old(anchor.time))
      thinning.anchors.push_back(anchor);
  }
  return thinning;
}

// One that cannot be read is left: nobody knows whose it is.
std::optional<Snapshot> readable_snapshot(const Repository& repository, std::string_view series,
                                          const SnapshotId& id) {
  try {
    return find_snapshot(repository, series, id);
  } catch (const Error& error) {
    if (error.retryable()) throw;
    return std::nullopt;
  }
}

template <typename Name>
std::vector<std::string> objects_of(std::string_view series, const std::vector<Name>& names) {
  std::vector<std::string> objects;
  for (const Name& name : names) objects.push_back(object_name(series, name));
  return objects;
}

}  // namespace

bool is_replicated(const Snapshot& snapshot) {
  return std::ranges::find(snapshot.tags, kReplicatedTag) != snapshot.tags.end();
}

Thinning plan_thinning(const Timeline& timeline, std::span<const Mark> marks,
                       const TimelinePolicy& policy, Time now) {
  ThinningPlan plan(timeline, policy, now);
  plan.keep_by_age();
  plan.keep_newest();
  plan.keep_marked(marks);
  plan.keep_links();
  return plan.rest();
}

Time thinning_time(const Repository& repository, const Timeline& timeline) {
  const Time now = repository.clock().now();
  const auto newest = std::ranges::max_element(timeline.anchors, {}, &AnchorName::position);
  if (newest == timeline.anchors.end()) return now;
  const auto status = repository.store().stat(newest->object);
  return status ? std::min(now, status->modified) : now;
}

void thin(const Repository& repository, const Timeline& timeline, const Thinning& thinning) {
  repository.store().remove_many(objects_of(timeline.series, thinning.anchors));
  // Another anchor may stand for the same snapshot.
  std::set<SnapshotId> needed;
  const std::set<std::string_view> removed = [&] {
    std::set<std::string_view> objects;
    for (const AnchorName& anchor : thinning.anchors) objects.insert(anchor.object);
    return objects;
  }();
  for (const AnchorName& anchor : timeline.anchors) {
    if (!removed.contains(anchor.object)) needed.insert(anchor.snapshot);
  }
  for (const AnchorName& anchor : thinning.anchors) {
    if (needed.contains(anchor.snapshot)) continue;
    const auto snapshot = readable_snapshot(repository, timeline.series, anchor.snapshot);
    if (snapshot && is_replicated(*snapshot)) remove_snapshot(repository, *snapshot);
  }
  repository.store().remove_many(objects_of(timeline.series, thinning.segments));
}

void remove_unanchored(const Repository& repository, const Timeline& timeline, Time now) {
  std::set<SnapshotId> anchored;
  for (const auto* anchors : {&timeline.anchors, &timeline.links}) {
    for (const AnchorName& anchor : *anchors) anchored.insert(anchor.snapshot);
  }
  const auto newest = std::ranges::max_element(timeline.anchors, {}, &AnchorName::time);
  if (newest == timeline.anchors.end()) return;
  std::vector<SnapshotId> loose;
  const std::string folder = fmt::format("snapshots/{}/", timeline.series);
  repository.store().list_names(folder, [&](std::string_view object) {
    const auto id = SnapshotId::from_hex(object.substr(folder.size()));
    if (id && !anchored.contains(*id)) loose.push_back(*id);
  });
  for (const SnapshotId& id : loose) {
    const auto snapshot = readable_snapshot(repository, timeline.series, id);
    if (snapshot && is_replicated(*snapshot) && snapshot->time < newest->time &&
        now - snapshot->time > kUnreachableAge) {
      remove_snapshot(repository, *snapshot);
    }
  }
}

TimelineVerdict verify_timeline(const Repository& repository, const Timeline& timeline) {
  TimelineVerdict verdict;
  const auto examine = [&](const std::string& object, const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      // What is gone was thinned meanwhile.
      if (error.code() == ErrorCode::kNotFound) return;
      if (error.code() == ErrorCode::kUnavailable) throw;
      verdict.damaged.push_back(object);
    }
  };
  for (const SegmentName& name : timeline.segments) {
    ++verdict.segments;
    examine(object_name(timeline.series, name),
            [&] { read_segment(repository, timeline.series, name); });
  }
  for (const AnchorName& name : timeline.anchors) {
    ++verdict.anchors;
    examine(name.object, [&] { read_anchor(repository, name); });
  }
  for (const Branch branch : branches(timeline)) {
    const BranchPoints points(timeline, branch);
    verdict.reachable += static_cast<std::uint64_t>(
        std::ranges::count_if(points.points(), &TimelinePoint::reachable));
  }
  return verdict;
}

}  // namespace holdfast::repository
