// What people mean by `--at` and `--position`.
#ifndef HOLDFAST_SERVICE_MOMENT_H_
#define HOLDFAST_SERVICE_MOMENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "repository/timeline.h"
#include "service/session.h"

namespace holdfast::service {

// RFC 3339; "2026-11-21 03:24[:15]" in local time; "10 minutes ago", "2h ago", "1 day ago"; "now".
// Empty for anything else.
std::optional<Time> parse_moment(std::string_view text, Time now);

// Exactly one of them is said.
struct MomentChoice {
  std::string at, position;  // `position`: a number, "branch.number", or the name of a mark
};
// Throws kUsage, and kPositionMissing saying why and naming the nearest states before and after.
repository::StatePath choose_moment(Session& session, std::string_view database,
                                    const MomentChoice& choice);

// `holdfast timeline DB`: pieces, gaps and marks of the main line and side branches, oldest first.
struct TimelineRow {
  enum class Kind { kReachable, kGap, kSideBranch, kMark, kSnapshot } kind = Kind::kReachable;
  Time from{}, to{};
  repository::Position first, last;
  std::uint64_t states = 0;  // that can be restored between them
  std::string text;          // a mark's or snapshot's name; why there is a gap
};
std::vector<TimelineRow> describe_timeline(Session& session, std::string_view database);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_MOMENT_H_
