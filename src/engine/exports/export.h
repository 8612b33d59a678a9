// The exports of one database: all targets from one committed state.
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/export_target.h"
#include "engine/exports/published_file.h"
#include "engine/records/collection.h"
#include "engine/records/write.h"
#include "env/clock.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct ExportRequest {
  std::string database;
  std::span<const Collection> collections;
  std::vector<ExportTarget> targets;
  std::function<std::unique_ptr<RowReader>()> open;
  // Acknowledged writes that wait for the database; empty function: none. They are in the export.
  std::function<std::vector<Write>()> pending;
  unsigned mode = 0600;  // of files that are new
  // Where it is remembered how large files were made, so that they are made anew faster; empty:
  // nowhere. Each of them then has a second one beside it.
  env::Path index_folder = {};
  std::uint64_t least_indexed = std::uint64_t{32} << 20;
};

struct ExportOutcome {
  ExportTarget target;
  std::uint64_t records = 0;
  FileContent content;
  Publication publication;
  std::optional<Error> failure;  // the file in place is as it was
};

// One outcome per target, in their order. A target that cannot be written fails alone; one that
// cannot be read fails all of its collection. Throws kInterrupted, and what keeps the database from
// being opened; then nothing was replaced.
std::vector<ExportOutcome> run_exports(env::FileSystem& files, env::Clock& clock,
                                       const ExportRequest& request, Progress& progress);

// Whether each target is what run_exports() would make of it now. Writes nothing.
struct ExportCheck {
  ExportTarget target;
  FoundTarget found;
  bool current = false;  // the file holds exactly what the database holds
  std::uint64_t records = 0;
  std::optional<Error> failure;
};
std::vector<ExportCheck> check_exports(env::FileSystem& files, const ExportRequest& request,
                                       Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_H_
