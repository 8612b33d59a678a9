#ifndef HOLDFAST_SERVICE_RESTORE_JOB_H_
#define HOLDFAST_SERVICE_RESTORE_JOB_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/restore/point_in_time.h"
#include "engine/restore/restore.h"
#include "service/moment.h"
#include "service/session.h"

namespace holdfast::service {

// Those of the snapshot that are named, each once; without names all. Throws kDatabaseUnknown.
std::vector<const repository::DatabaseState*> chosen_states(const repository::Snapshot& snapshot,
                                                            std::span<const std::string> names);
// The names their files had, for a folder or an archive; where two were alike, the databases' own.
std::vector<std::string> file_names(std::span<const repository::DatabaseState* const> states);

struct RestoreTarget {
  std::string database;
  env::Path path;
  std::string reason;   // why there: "its configured path, from ./app.db"
  bool exists = false;  // something would be replaced
};

// Where each of `databases` (empty: all of the snapshot) would go. `to` is a file, or a directory
// if it is one or if there are several databases; empty: the configured path, else the path it was
// read from. Throws kDatabaseUnknown, kUsage.
std::vector<RestoreTarget> plan_restore(Session& session, const repository::Snapshot& snapshot,
                                        std::span<const std::string> databases,
                                        const std::string& to);

struct RestoreChoices {
  bool while_open = false;
  bool safety_snapshot = true;
};

struct OneRestore {
  std::string origin;  // "snapshot 3f2a91c0"
  std::function<engine::RestoreResult(const engine::RestoreRequest&)> run;
};
using RestoreOf = std::function<OneRestore(std::size_t target)>;
// One after the other; what was restored before a failure stays restored, and the error says so.
// The exports of those that were restored in their place follow.
std::vector<engine::RestoreResult> restore_each(Session& session,
                                                std::span<const RestoreTarget> targets,
                                                const RestoreChoices& choices,
                                                const RestoreOf& restore_of);
std::vector<engine::RestoreResult> restore(Session& session, const repository::Snapshot& snapshot,
                                           std::span<const RestoreTarget> targets,
                                           const RestoreChoices& choices);

// The same for moments of timelines. `databases` are names, each once.
std::vector<engine::PointInTime> read_moments(Session& session,
                                              std::span<const std::string> databases,
                                              const MomentChoice& choice);
// Their states as if of one snapshot, for plan_restore(); it has no id.
repository::Snapshot states_of(std::span<const engine::PointInTime> points);
// `targets` are those of `points`, in their order.
std::vector<engine::RestoreResult> restore_moments(Session& session,
                                                   std::span<const engine::PointInTime> points,
                                                   std::span<const RestoreTarget> targets,
                                                   const RestoreChoices& choices);

// The command that undoes a restore; empty if nothing was there before.
std::string undo_command(const engine::RestoreResult& result, std::string_view database);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RESTORE_JOB_H_
