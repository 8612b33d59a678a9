// `holdfast diff`: what is compared with what, and the comparison.
#ifndef HOLDFAST_SERVICE_DIFF_JOB_H_
#define HOLDFAST_SERVICE_DIFF_JOB_H_

#include <string>
#include <vector>

#include "engine/diff/diff.h"
#include "service/session.h"

namespace holdfast::service {

struct ChosenSide {
  engine::DiffSide side;
  std::string database;  // its name
  std::string label;     // "snapshot 3f2a91c0 of 2026-11-21 03:24:15 (app)", or the path
};
struct ChosenSides {
  ChosenSide before, after;
};

// A word is the name of a configured database or a file, which are taken as they stand; or a
// snapshot, as for a restore: "latest", the beginning of an id, a name, "index:N"; or a moment:
// "at:TIME", "position:P", "mark:NAME". One word: what is out of the history with the database as
// it stands, at its configured path or else where it was read from. Where a snapshot holds several
// databases, the one that `database` names is taken, else the one that the other side is of. Throws
// kUsage, kDatabaseUnknown, kSnapshotMissing, kPositionMissing …
ChosenSides choose_sides(Session& session, const std::vector<std::string>& words,
                         const std::string& database);

// As engine::diff(); restores to a folder below `scratch`.
sqlite::DifferenceSummary diff(Session& session, const ChosenSides& sides,
                               const std::vector<std::string>& tables, const env::Path& scratch,
                               sqlite::DifferenceSink& sink);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_DIFF_JOB_H_
