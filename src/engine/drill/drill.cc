#include "engine/drill/drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/version.h"
#include "engine/restore/point_in_time.h"
#include "engine/restore/restore.h"
#include "engine/scratch_directory.h"
#include "env/host.h"
#include "env/randomness.h"
#include "repository/timeline.h"
#include "sqlite/integrity.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;
using repository::Proof;
using repository::Repository;
using repository::Snapshot;

constexpr std::size_t kKeptProofs = 100;
constexpr std::size_t kMostFindings = 20;
constexpr std::chrono::seconds kBusyTimeout{10};

// What is wrong with the history, not with this machine: that is a result.
bool is_finding(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kDamagedObject:
    case ErrorCode::kMissingObject:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kPositionMissing:
    case ErrorCode::kNotFound:
      return true;
    default:
      return false;
  }
}

class Drill {
 public:
  Drill(const Repository& repository, env::FileSystem& files, const DrillRequest& request,
        Progress& progress)
      : repository_(repository),
        files_(files),
        request_(request),
        progress_(progress),
        series_(repository::timeline_series(repository, request.database)) {}

  Proof run();

 private:
  void restore(const std::filesystem::path& copy);
  void restore_position(const repository::StatePath& path, const std::filesystem::path& copy);
  void restore_newest_snapshot(const std::filesystem::path& copy);
  void check(const std::filesystem::path& copy);
  void take_over(const DatabaseState& state);

  const Repository& repository_;
  env::FileSystem& files_;
  const DrillRequest& request_;
  Progress& progress_;
  std::string series_;
  Proof proof_;
};

void Drill::take_over(const DatabaseState& state) {
  proof_.state = state.moment;
  proof_.bytes = state.bytes();
  proof_.checksum = state.checksum;
}

void Drill::restore_position(const repository::StatePath& path, const std::filesystem::path& copy) {
  proof_.snapshot = path.anchor.snapshot;
  proof_.position = path.position;
  proof_.state = path.time;
  const PointInTime point = read_point(repository_, path, request_.database);
  take_over(point.state);
  restore_point_copy(repository_, files_, point, copy, request_.threads, progress_);
}

void Drill::restore_newest_snapshot(const std::filesystem::path& copy) {
  const repository::SnapshotList list = repository::list_snapshots(repository_);
  const auto found = std::ranges::find_if(list.snapshots, [&](const Snapshot& snapshot) {
    return snapshot.database(request_.database) != nullptr;
  });
  if (found == list.snapshots.end()) {
    throw Error(ErrorCode::kSnapshotMissing,
                fmt::format("there is nothing of {} that could be restored", request_.database), {},
                "`holdfast backup` takes a snapshot.");
  }
  const DatabaseState& state = *found->database(request_.database);
  proof_.snapshot = found->id;
  take_over(state);
  restore_copy(repository_, files_, state, copy, request_.threads, progress_);
}

void Drill::restore(const std::filesystem::path& copy) {
  // Before the timeline: an anchor that is younger than this list would seem to be without one.
  const auto ids = repository::snapshot_ids(repository_);
  const std::set<SnapshotId> snapshots(ids.begin(), ids.end());
  const auto timeline = repository::load_timeline(repository_, series_, &snapshots);
  if (const auto newest = repository::find_newest(timeline)) {
    restore_position(*newest, copy);
  } else {
    restore_newest_snapshot(copy);
  }
}

void Drill::check(const std::filesystem::path& copy) {
  progress_.stage(fmt::format("Checking {}", request_.database), 0);
  const std::vector<std::string> messages = sqlite::check_integrity(copy);
  proof_.integrity = messages.empty();
  for (const std::string& message : messages) proof_.findings.push_back("integrity: " + message);
  proof_.invariants = true;
  if (proof_.integrity && !request_.exclusions.empty()) {
    sqlite::remove_excluded(copy, request_.exclusions, kBusyTimeout);
  }
  for (const InvariantResult& result : check_invariants(copy, request_.invariants, kBusyTimeout)) {
    if (result.holds) continue;
    proof_.invariants = false;
    proof_.findings.push_back(
        fmt::format("invariant {} does not hold: {}", result.name, result.found));
  }
}

Proof Drill::run() {
  env::Clock& clock = repository_.clock();
  const Duration began = clock.elapsed();
  const auto seconds = [&] {
    return std::chrono::duration<double>(clock.elapsed() - began).count();
  };
  proof_.time = clock.now();
  proof_.database = request_.database;
  proof_.host = env::this_process().host;
  proof_.version = kVersion;
  ScratchDirectory scratch(files_, request_.scratch, "drill");
  const std::filesystem::path copy = scratch.file("copy.db");
  bool restored = false;
  try {
    restore(copy);
    restored = true;
  } catch (const Error& error) {
    if (!is_finding(error)) throw;
    proof_.findings.push_back(error.happened());
  }
  proof_.restore_seconds = seconds();
  if (restored) check(copy);
  proof_.total_seconds = seconds();
  if (proof_.findings.size() > kMostFindings) {
    const std::size_t more = proof_.findings.size() - kMostFindings;
    proof_.findings.resize(kMostFindings);
    proof_.findings.push_back(fmt::format("and {} more", more));
  }
  repository::put_proof(repository_, series_, proof_);
  repository::remove_old_proofs(repository_, series_, kKeptProofs);
  return proof_;
}

}  // namespace

Proof drill(const Repository& repository, env::FileSystem& files, const DrillRequest& request,
            Progress& progress) {
  return Drill(repository, files, request, progress).run();
}

}  // namespace holdfast::engine
