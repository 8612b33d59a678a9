// Safe boot: is the database what it must be, and if not, what brings it back.
//
// inspect() only reads; decide() is a pure function and the whole policy; carry_out() does it. What
// was found, chosen and done is reported sentence by sentence through Progress::notice, with the
// words database, restore, merge, import or seed in it.
#ifndef HOLDFAST_ENGINE_GUARD_GUARD_H_
#define HOLDFAST_ENGINE_GUARD_GUARD_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "engine/records/collection.h"
#include "engine/restore/restore.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/timeline.h"
#include "sqlite/health.h"
#include "sqlite/row_merge.h"

namespace holdfast::engine {

struct Invariant {
  std::string name, sql;
  std::optional<std::string> equals;  // as SQLite writes the answer; numbers are compared as such
  std::optional<double> min, max;
};
struct InvariantResult {
  std::string name;
  bool holds = false;  // one that fails to run counts as violated
  std::string found;   // the answer, or why there is none
};
std::vector<InvariantResult> check_invariants(const std::filesystem::path& path,
                                              const std::vector<Invariant>& invariants,
                                              std::chrono::milliseconds busy_timeout);

enum class OnViolation { kRestore, kMerge, kRefuse, kWarn };

struct GuardRequest {
  std::string database;
  std::filesystem::path path;
  std::vector<Invariant> invariants;
  std::vector<sqlite::Exclusion> exclusions;
  std::vector<Collection> collections;  // of this database: what goes with a deleted record
  std::filesystem::path seed;           // empty: none
  OnViolation on_violation = OnViolation::kRestore;
  bool production = false;                             // automatic seeds are skipped …
  bool force_import = false;                           // … unless this is said
  std::string force_switch = "HOLDFAST_FORCE_IMPORT";  // its name, for the log
  bool create_empty = true;                    // where there is neither data nor history nor seed
  std::chrono::seconds power_loss_window{60};  // behind by no more than this: a fork, served
  RestoreRequest restore;                      // safety snapshot, cache, threads
  // Copies of the repository that can be reached, in the order in which they are asked for what it
  // has lost; null from their number on. Empty: there are none.
  std::function<const repository::Repository*(std::size_t number)> copies;
};

// How the present database relates to its history.
enum class Lineage {
  kNoHistory,
  kNewest,   // equal to the newest position
  kAhead,    // the newest position's database with later changes
  kBehind,   // equal to an earlier position, within the power loss window: a fork
  kOlder,    // equal to an earlier position, long ago: an old copy was put back
  kEmptier,  // every table that has rows in the history is missing or empty: a fresh database
  kForeign,  // less than half of the pages are the history's, and not emptier
};
std::string_view lineage_name(Lineage lineage);

// A state of the history that could be put in place: the newest that is not damaged and, after the
// exclusions, satisfies the invariants; `verified` says whether any does.
struct Candidate {
  std::optional<repository::StatePath> path;  // a position; or …
  SnapshotId snapshot;                        // … a snapshot
  Time time{};
  std::string sentence;  // "position 3.1045, 2026-11-21 03:24:15"
};

struct Inspection {
  sqlite::PresenceReport presence;
  std::vector<InvariantResult> invariants;
  std::vector<std::uint64_t> excluded;  // rows now there, of each exclusion
  Lineage lineage = Lineage::kNoHistory;
  std::string lineage_detail;
  bool has_history = false;   // an undamaged snapshot of this database
  bool history_known = true;  // false: the store is away
  bool has_seed = false;
  double seconds = 0;
  bool violated() const;
};
// One read of the database file at most (digests against the local table); none where it is not
// there. A store that is away leaves history_known false.
Inspection inspect(const repository::Repository* repository, env::FileSystem& files,
                   const GuardRequest& request, Progress& progress);

enum class Action {
  kServe,         // as it is
  kServeFork,     // as it is; reported
  kExclude,       // as it is, without the excluded rows
  kRestore,       // the candidate in place of what is there
  kMerge,         // the candidate's missing rows into what is there
  kSeed,          // a new database from the seed
  kCreateEmpty,   // a new, empty one
  kSkipImport,    // production: no seed; an empty one is created so that the application can start
  kRefuse,        // do not start
  kServeWarning,  // as it is, although something is wrong
};
std::string_view action_name(Action action);

struct Decision {
  Action action = Action::kRefuse;
  std::string reason;  // one sentence, greppable
};
// The table in docs/guard.md, row by row.
Decision decide(const Inspection& inspection, const GuardRequest& request);

struct GuardResult {
  Inspection before;
  Decision decision;
  std::optional<Candidate> used;
  std::optional<RestoreResult> restored;
  std::optional<sqlite::MergeReport> merged;
  std::uint64_t excluded_rows = 0;          // that were removed
  std::vector<InvariantResult> afterwards;  // after --fix
  bool safe = false;                        // what is there now may be served
};
// `fix` false: inspects and decides, changes nothing. Restore and merge take a safety snapshot
// first if there is anything to save (or set the damaged files aside); a restored copy is proved,
// cleared of excluded rows and checked against the invariants *before* it is put in place. Throws
// kGuardRefused when it decides to refuse, and what a restore throws: then what was there is there.
GuardResult guard(const repository::Repository* repository, env::FileSystem& files,
                  const GuardRequest& request, bool fix, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_GUARD_H_
