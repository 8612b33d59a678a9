// Closing a timeline into a snapshot, and thinning it out.
#include <fmt/format.h>

#include <set>

#include "engine/replicate/closing.h"
#include "engine/replicate/replica.h"
#include "env/host.h"
#include "repository/timeline_retention.h"

namespace holdfast::engine {

using Implementation = DatabaseReplicator::Implementation;

void Implementation::close() {
  ClosingRequest request;
  PageOverlay overlay;
  repository::Anchor anchor;
  std::uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!known_.valid() || !known_.has_content() || numbers_.size() < 2 || !is_shipped()) {
      close_wanted_ = false;
      return;
    }
    closing_ = true;
    close_wanted_ = false;
    overlay = known_.overlay();
    epoch = epoch_;
    request = {.database = options_.database.name,
               .source = std::filesystem::absolute(options_.database.path).lexically_normal(),
               .base = snapshot_,
               .overlay = &overlay,
               .page_size = known_.geometry().page_size,
               .page_count = known_.geometry().page_count,
               .checksum = last_checksum_,
               .moment = last_seen_,
               .command = options_.command,
               .digest_table = table_path(),
               .compression_level = options_.compression_level};
    anchor = {.name = {.position = {lease_->branch(), number_},
                       .time = last_seen_,
                       .origin = {lease_->branch(), numbers_[numbers_.size() - 2]},
                       .relation = repository::Relation::kContinued,
                       .check = {},
                       .snapshot = {},
                       .object = {}},
              .checksum = last_checksum_,
              .page_size = request.page_size,
              .page_count = request.page_count,
              .reason = "what changed since the last snapshot was closed into this one",
              .host = env::this_process().host};
  }
  const repository::Snapshot snapshot = close_timeline(repository_, files_, request, no_progress());
  const repository::AnchorName name = put_confirmed(std::move(anchor), snapshot);
  const std::lock_guard lock(mutex_);
  closing_ = false;
  last_close_ = elapsed();
  error_patience_.reset();
  if (epoch != epoch_) return;  // what was learnt since does not go on from here
  if (!known_.close(snapshot.id, name.position.number)) {
    scan_again(Duration(0));
    return;
  }
  snapshot_ = snapshot;
  // What was shipped meanwhile reaches back by the old count: one step of the new one.
  numbers_ = {name.position.number};
  if (number_ > name.position.number) numbers_.push_back(number_);
  const std::lock_guard report_lock(report_mutex_);
  report_.snapshot = snapshot.id;
  report_.snapshot_time = snapshot.time;
}

void Implementation::thin_timeline() {
  {
    const std::lock_guard lock(mutex_);
    if (last_thin_ != Duration{} && elapsed() - last_thin_ < std::chrono::minutes(1)) return;
    last_thin_ = elapsed();
  }
  const std::vector<SnapshotId> ids = repository::snapshot_ids(repository_, series_);
  const std::set<SnapshotId> there(ids.begin(), ids.end());
  const repository::Timeline timeline = repository::load_timeline(repository_, series_, &there);
  const repository::MarkList marks = repository::list_marks(repository_, series_);
  repository::thin(repository_, timeline,
                   repository::plan_thinning(timeline, marks.marks, options_.retention,
                                             repository::thinning_time(repository_, timeline)));
}

// Snapshots that an earlier session wrote and died before it could name them.
void Implementation::remove_leftovers() {
  try {
    const std::vector<SnapshotId> ids = repository::snapshot_ids(repository_, series_);
    const std::set<SnapshotId> there(ids.begin(), ids.end());
    const repository::Timeline timeline = repository::load_timeline(repository_, series_, &there);
    repository::remove_unanchored(repository_, timeline,
                                  repository::thinning_time(repository_, timeline));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    report_error(error.what());  // the next session tries again
  }
}

}  // namespace holdfast::engine
