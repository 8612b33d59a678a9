#include "repository/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "repository/index_memory.h"
#include "repository/snapshot_copy.h"
#include "repository/timeline_copy.h"

namespace holdfast::repository {
namespace {

bool same_databases(const Snapshot& one, const Snapshot& other) {
  return std::ranges::is_permutation(one.databases, other.databases, {}, &DatabaseState::name,
                                     &DatabaseState::name);
}

std::set<SnapshotId> ids_in(const Repository& repository) {
  const std::vector<SnapshotId> ids = snapshot_ids(repository);
  return {ids.begin(), ids.end()};
}

class Copying {
 public:
  Copying(const Repository& from, const Repository& to, const CopyRequest& request,
          Progress& progress)
      : from_(from), to_(to), request_(request), progress_(progress), kept_index_(to) {}

  CopyResult run();

 private:
  void find_what_is_missing();
  std::set<SnapshotId> wanted_by_policy() const;
  std::optional<SnapshotCopy::Base> base_of(const Snapshot& snapshot) const;
  void copy_one(SnapshotCopy& copy, const Snapshot& snapshot);
  void copy_positions();
  const Snapshot* source(const SnapshotId& id) const {
    const auto found = std::ranges::find(source_, id, &Snapshot::id);
    return found == source_.end() ? nullptr : &*found;
  }

  const Repository& from_;
  const Repository& to_;
  const CopyRequest& request_;
  Progress& progress_;
  const KeptIndex kept_index_;
  std::set<SnapshotId> source_ids_, there_ids_;
  std::vector<Snapshot> source_, there_;      // newest first; not read if none is to be copied
  std::vector<const Snapshot*> missing_;      // oldest first: the next one shares most with it
  std::map<std::string, TimelineGaps> gaps_;  // by database
  CopyResult result_;
};

std::set<SnapshotId> Copying::wanted_by_policy() const {
  std::vector<Snapshot> all;
  std::set<SnapshotId> ids;
  for (const std::vector<Snapshot>* list : {&source_, &there_}) {
    for (const Snapshot& snapshot : *list) {
      if (!is_replicated(snapshot) && ids.insert(snapshot.id).second) all.push_back(snapshot);
    }
  }
  if (!request_.kept) return ids;
  std::ranges::sort(all, std::ranges::greater(),
                    [](const Snapshot& snapshot) { return std::pair(snapshot.time, snapshot.id); });
  return request_.kept(all);
}

void Copying::find_what_is_missing() {
  source_ids_ = ids_in(from_);
  there_ids_ = ids_in(to_);
  std::set<SnapshotId> wanted;
  // Where nothing new is, as a daemon finds it, a look at the names is enough.
  if (!std::ranges::includes(there_ids_, source_ids_)) {
    source_ = list_snapshots(from_).snapshots;
    there_ = list_snapshots(to_).snapshots;
    wanted = wanted_by_policy();
  }
  for (const std::string& database : database_names(from_)) {
    TimelineGaps gaps =
        find_gaps({from_, source_ids_}, {to_, there_ids_}, database, request_.timeline);
    for (const AnchorName& anchor : gaps.anchors) wanted.insert(anchor.snapshot);
    result_.positions += gaps.segments.size();
    result_.marks += gaps.marks.size();
    gaps_.emplace(database, std::move(gaps));
  }
  for (auto snapshot = source_.rbegin(); snapshot != source_.rend(); ++snapshot) {
    if (wanted.contains(snapshot->id) && !there_ids_.contains(snapshot->id))
      missing_.push_back(&*snapshot);
  }
  result_.snapshots = missing_.size();
}

// The newest one that is not younger, else the oldest.
std::optional<SnapshotCopy::Base> Copying::base_of(const Snapshot& snapshot) const {
  std::optional<SnapshotCopy::Base> base;
  for (const Snapshot& candidate : there_) {
    if (!same_databases(candidate, snapshot)) continue;
    const Snapshot* original = source(candidate.id);
    if (original == nullptr) continue;
    base = SnapshotCopy::Base{.from = *original, .to = candidate};
    if (candidate.time <= snapshot.time) break;
  }
  return base;
}

void Copying::copy_one(SnapshotCopy& copy, const Snapshot& snapshot) {
  try {
    Snapshot copied = copy.copy(snapshot, base_of(snapshot));
    const auto place = std::ranges::find_if(there_, [&](const Snapshot& other) {
      return std::pair(other.time, other.id) < std::pair(copied.time, copied.id);
    });
    there_ids_.insert(copied.id);
    there_.insert(place, std::move(copied));
    ++result_.snapshots;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject && error.code() != ErrorCode::kMissingObject) {
      throw;
    }
    // Forgotten and pruned meanwhile: nobody wants it any more.
    if (!find_snapshot(from_, series_of(from_, snapshot.databases), snapshot.id)) return;
    result_.failures.push_back(
        {.what = fmt::format("snapshot {}", snapshot.id.short_hex()), .why = error.happened()});
  }
}

void Copying::copy_positions() {
  for (const auto& [database, gaps] : gaps_) {
    if (gaps.empty()) continue;
    progress_.stage(fmt::format("Copying the timeline of {}", database), gaps.segments.size());
    copy_timeline(from_, to_, gaps, progress_, result_);
    const Timeline timeline = load_timeline(to_, gaps.to_series, &there_ids_);
    const MarkList marks = list_marks(to_, gaps.to_series);
    thin(to_, timeline,
         plan_thinning(timeline, marks.marks, request_.timeline, thinning_time(to_, timeline)));
  }
}

CopyResult Copying::run() {
  find_what_is_missing();
  if (request_.dry_run) return std::move(result_);
  result_ = {};
  if (!missing_.empty()) {
    SnapshotCopy copy(from_, to_, request_.threads, progress_);
    for (const Snapshot* snapshot : missing_) copy_one(copy, *snapshot);
    result_.bytes_read += copy.bytes_read();
    result_.bytes_stored += copy.bytes_stored();
  }
  copy_positions();
  return std::move(result_);
}

}  // namespace

CopyResult copy_history(const Repository& from, const Repository& to, const CopyRequest& request,
                        Progress& progress) {
  if (from.config().id == to.config().id) {
    throw Error(ErrorCode::kUsage, "a repository cannot be copied into itself");
  }
  return Copying(from, to, request, progress).run();
}

}  // namespace holdfast::repository
