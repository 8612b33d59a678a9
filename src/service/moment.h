// What people mean by `--at`, `--position` and `--mark`.
#ifndef HOLDFAST_SERVICE_MOMENT_H_
#define HOLDFAST_SERVICE_MOMENT_H_

#include <optional>
#include <string>
#include <string_view>

#include "repository/timeline.h"
#include "service/session.h"

namespace holdfast::service {

// RFC 3339; "2026-11-21 03:24[:15]" in local time; "10 minutes ago", "2h ago", "1 day ago"; "now".
// Empty for anything else.
std::optional<Time> parse_moment(std::string_view text, Time now);

// The timeline of a database, with what its snapshots still give back. Reads names only.
repository::Timeline load_timeline_of(Session& session, std::string_view database);

// Exactly one of them is said.
struct MomentChoice {
  std::string at;
  std::string position;  // a number, "branch.number", or the name of a mark
  std::string mark;      // the newest of this name
};
// Throws kUsage, and kPositionMissing saying why and naming the nearest states before and after.
repository::StatePath choose_moment(Session& session, std::string_view database,
                                    const MomentChoice& choice);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_MOMENT_H_
