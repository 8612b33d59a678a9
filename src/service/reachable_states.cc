#include "service/reachable_states.h"

#include <algorithm>

#include "repository/timeline_path.h"

namespace holdfast::service {

std::vector<KnownState> known_states(const repository::Timeline& timeline) {
  const auto line = repository::main_line(timeline);
  std::vector<KnownState> states;
  for (const repository::Branch branch : repository::branches(timeline)) {
    const repository::BranchPoints points(timeline, branch);
    for (const repository::TimelinePoint& point : points.points()) {
      const bool main = std::ranges::any_of(line, [&](const repository::LinePiece& piece) {
        return repository::contains(piece, point.position);
      });
      states.push_back({.position = point.position,
                        .time = point.time,
                        .reachable = point.reachable(),
                        .on_main_line = main});
    }
  }
  return states;
}

}  // namespace holdfast::service
