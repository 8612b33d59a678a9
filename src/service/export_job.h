// `holdfast export`, and the exports that follow writes: which targets of which databases, and the
// work.
#ifndef HOLDFAST_SERVICE_EXPORT_JOB_H_
#define HOLDFAST_SERVICE_EXPORT_JOB_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/exports/export.h"
#include "service/configuration.h"

namespace holdfast::service {

struct ExportChoice {
  std::vector<std::string> databases;  // names; empty: all that have exports
  std::string collection;              // only this one
  std::string file;                    // instead of the configured targets; absolute
  std::string format;                  // of `file`; by its name if empty
  bool base64 = false;                 // of `file`, also if its name does not say so
};
struct DatabaseExports {
  std::string database;
  std::vector<engine::ExportTarget> targets;
};

// Throws kUsage, kDatabaseUnknown, kCollectionUnknown; kConfiguration if nothing is configured to
// be exported.
std::vector<DatabaseExports> choose_exports(const Configuration& configuration,
                                            const ExportChoice& choice);

// As engine::run_exports() and check_exports(), of the database where it is, with what waits in its
// spool. Thread safe, also between processes.
std::vector<engine::ExportOutcome> export_database(const Configuration& configuration,
                                                   const World& world,
                                                   const DatabaseExports& exports,
                                                   Progress& progress);
std::vector<engine::ExportCheck> check_database_exports(const Configuration& configuration,
                                                        const World& world,
                                                        const DatabaseExports& exports,
                                                        Progress& progress);

// All configured targets of a database, for whoever has written to it. Never throws what went wrong
// with it: an export that failed does not make a record less stored. kInterrupted is thrown.
// One sentence about each failure, and about each file that was kept aside; empty: all is well.
std::vector<std::string> export_after_writes(const Configuration& configuration, const World& world,
                                             std::string_view database, Progress& progress);

// One collection to `sink`, as run_exports() would write it to a file. How many records.
std::uint64_t export_to(const Configuration& configuration, const World& world,
                        const engine::ExportTarget& target, const std::string& database,
                        const std::function<void(std::string_view)>& sink, Progress& progress);

// "results.json was changed by somebody else; it is kept as …", or empty if there is nothing to
// say.
std::string notice_of(const engine::ExportOutcome& outcome);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_EXPORT_JOB_H_
