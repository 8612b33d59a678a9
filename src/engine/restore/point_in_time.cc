#include "engine/restore/point_in_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/restore/swap.h"
#include "repository/index.h"

namespace holdfast::engine {
namespace {

using repository::AnchorName;
using repository::DatabaseState;
using repository::Repository;
using repository::Segment;
using repository::SegmentName;
using repository::Snapshot;
using repository::StatePath;

[[noreturn]] void refuse(const StatePath& path, std::string_view why) {
  throw Error(ErrorCode::kPositionMissing,
              fmt::format("position {} cannot be put together: {}", to_text(path.position), why));
}

// Each part must begin where the one below it ends, or before that.
void expect_connected(const StatePath& path) {
  std::uint64_t reached = path.position.number;
  for (auto segment = path.segments.begin(); segment != path.segments.end(); ++segment) {
    const auto below = std::next(segment);
    const std::uint64_t next =
        below == path.segments.end() ? path.anchor.position.number : below->position.number;
    if (segment->position.number != reached || next < segment->base || next >= reached) {
      refuse(path, fmt::format("segment {} does not follow what is below it",
                               to_text(segment->position)));
    }
    reached = next;
  }
  if (path.anchor.position.number != reached) refuse(path, "its anchor is another one's");
}

Snapshot read_snapshot(const Repository& repository, std::string_view series,
                       const AnchorName& anchor, std::string_view database) {
  auto snapshot = repository::find_snapshot(repository, series, anchor.snapshot);
  if (!snapshot) {
    throw Error(ErrorCode::kMissingObject,
                fmt::format("snapshot {} of position {} is not there", anchor.snapshot.short_hex(),
                            to_text(anchor.position)));
  }
  const DatabaseState* state = snapshot->database(database);
  if (state == nullptr || !state->checksum.starts_with(anchor.check.text())) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("snapshot {} is not the state of position {}",
                            anchor.snapshot.short_hex(), to_text(anchor.position)));
  }
  return std::move(*snapshot);
}

Segment read_part(const Repository& repository, std::string_view series, const StatePath& path,
                  const SegmentName& name) {
  try {
    return repository::read_segment(repository, series, name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    refuse(path, fmt::format("segment {} is gone", to_text(name.position)));
  }
}

// Several at once: much of it is waiting for the store.
std::vector<Segment> read_parts(const Repository& repository, std::string_view series,
                                const StatePath& path) {
  std::vector<Segment> segments(path.segments.size());
  std::atomic<std::size_t> next{0};
  const auto threads = std::min<std::size_t>(2 * thread_count(0), segments.size());
  run_parallel(static_cast<unsigned>(threads), [&](const std::atomic<bool>& stop) {
    for (std::size_t i = next++; i < segments.size() && !stop; i = next++) {
      segments[i] = read_part(repository, series, path, path.segments[i]);
    }
  });
  return segments;
}

// What is there already is newer.
void lay_below(PointInTime& point, const Segment& segment) {
  for (std::size_t i = 0; i < segment.pages.size(); ++i) {
    if (segment.pages[i] > point.state.page_count) break;
    point.overlay.try_emplace(
        segment.pages[i],
        ByteView(segment.content).subspan(i * std::size_t{segment.page_size}, segment.page_size));
  }
}

// Whatever has come to the database since the snapshot must be in a segment.
void expect_whole(const PointInTime& point, const StatePath& path) {
  if (point.state.page_count <= point.base.page_count) return;
  const auto beyond = point.overlay.upper_bound(static_cast<std::uint32_t>(point.base.page_count));
  const auto known = static_cast<std::uint64_t>(std::distance(beyond, point.overlay.end()));
  if (known != point.state.page_count - point.base.page_count) {
    refuse(path, "pages that were added since its snapshot are in no segment");
  }
}

void write_point(const Repository& repository, const PointInTime& point, env::File& file,
                 unsigned threads, Progress& progress) {
  const repository::LoadedIndex loaded = repository::load_index(repository);
  const repository::BlobReader reader(repository, loaded.index);
  progress.stage(
      fmt::format("Restoring {} at {}", point.state.name, format_local(point.state.moment)),
      point.state.bytes());
  write_pages(reader, point.base, point.state, point.overlay, file, thread_count(threads),
              progress);
}

}  // namespace

PointInTime read_point(const Repository& repository, const StatePath& path,
                       std::string_view database) {
  expect_connected(path);
  PointInTime point;
  const std::string series = repository::timeline_series(repository, database);
  point.snapshot = read_snapshot(repository, series, path.anchor, database);
  point.base = *point.snapshot.database(database);
  point.state = point.base;
  point.position = path.position;
  point.objects_read = 1 + path.segments.size();
  point.segments = read_parts(repository, series, path);
  if (!point.segments.empty()) {
    const Segment& newest = point.segments.front();
    point.state.page_count = newest.page_count;
    point.state.checksum = newest.checksum;
    point.state.moment = newest.time;
    // Those of the snapshot were counted earlier.
    point.state.tables.clear();
    point.state.tables_counted = false;
  }
  for (const Segment& segment : point.segments) {
    if (segment.page_size != point.base.page_size) refuse(path, "the page size changed on the way");
    lay_below(point, segment);
  }
  expect_whole(point, path);
  return point;
}

RestoreResult restore_point(const Repository& repository, env::FileSystem& files,
                            const PointInTime& point, const RestoreRequest& request,
                            Progress& progress) {
  RestoreResult result = swap_in(
      repository, files, request,
      [&](env::File& file, const env::Path&) {
        write_point(repository, point, file, request.threads, progress);
      },
      progress);
  result.bytes = point.state.bytes();
  result.checksum = point.state.checksum;
  return result;
}

std::uint64_t restore_point_copy(const Repository& repository, env::FileSystem& files,
                                 const PointInTime& point, const std::filesystem::path& path,
                                 unsigned threads, Progress& progress) {
  write_point(repository, point, *files.create(path), threads, progress);
  return point.state.bytes();
}

}  // namespace holdfast::engine
