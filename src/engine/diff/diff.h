// Compares two states of databases, each a file as it stands or out of the history.
#ifndef HOLDFAST_ENGINE_DIFF_DIFF_H_
#define HOLDFAST_ENGINE_DIFF_DIFF_H_

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/restore/point_in_time.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "sqlite/database_difference.h"

namespace holdfast::engine {

// Exactly one of the three is said.
struct DiffSide {
  std::filesystem::path file;
  std::optional<repository::DatabaseState> state;  // of a snapshot
  std::optional<PointInTime> point;

  bool is_history() const { return state.has_value() || point.has_value(); }
};

struct DiffRequest {
  std::vector<std::string> tables;  // empty: all
  // Where what is out of the history is restored to, in a folder of mode 0700 that is gone
  // afterwards.
  std::filesystem::path scratch;
  std::chrono::milliseconds busy_timeout{10'000};
  unsigned threads = 0;
};

// Files are only read, each in one read transaction until the end. `repository` may be null where
// neither side is history. Two states of the history with one checksum are the same without a
// look. Throws as a restore and as sqlite::compare_databases(); kDatabaseDamaged for what is no
// sound database.
sqlite::DifferenceSummary diff(const repository::Repository* repository, env::FileSystem& files,
                               const DiffSide& before, const DiffSide& after,
                               const DiffRequest& request, sqlite::DifferenceSink& sink,
                               Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_DIFF_DIFF_H_
