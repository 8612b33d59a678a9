// Any moment back: a snapshot with the segments of its timeline laid over it.
#ifndef HOLDFAST_ENGINE_RESTORE_POINT_IN_TIME_H_
#define HOLDFAST_ENGINE_RESTORE_POINT_IN_TIME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/restore/page_writer.h"
#include "engine/restore/restore.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "repository/timeline.h"

namespace holdfast::engine {

// A state that can be written: `state` as the snapshot has it but with the target's page count,
// checksum and moment, and the pages that are not to be taken from its map.
struct PointInTime {
  PointInTime() = default;
  PointInTime(PointInTime&&) = default;
  PointInTime& operator=(PointInTime&&) = default;

  repository::Snapshot snapshot;              // of the anchor
  repository::DatabaseState state;            // of the position
  repository::DatabaseState base;             // of the snapshot
  std::vector<repository::Segment> segments;  // newest first
  NewerPages overlay;                         // in `segments`; within the page count
  repository::Position position;
  std::uint64_t objects_read = 0;
};
// Reads the anchor's snapshot and the segments. Throws kMissingObject,
// kDamagedObject, kPositionMissing for a path whose parts do not fit together.
PointInTime read_point(const repository::Repository& repository, const repository::StatePath& path,
                       std::string_view database);

// As restore() and restore_copy(), for such a state: proved equal to the checksum recorded for the
// position before anything is replaced.
RestoreResult restore_point(const repository::Repository& repository, env::FileSystem& files,
                            const PointInTime& point, const RestoreRequest& request,
                            Progress& progress);
std::uint64_t restore_point_copy(const repository::Repository& repository, env::FileSystem& files,
                                 const PointInTime& point, const std::filesystem::path& path,
                                 unsigned threads, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_POINT_IN_TIME_H_
