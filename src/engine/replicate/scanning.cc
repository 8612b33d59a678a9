// Reading the database: into a snapshot with its anchor, or, where there is no log to follow, for
// what differs from what is known.
#include <fmt/format.h>
#include <malloc.h>

#include <set>

#include "engine/replicate/digest_scan.h"
#include "engine/replicate/replica.h"
#include "env/host.h"
#include "repository/timeline_retention.h"

namespace holdfast::engine {
namespace {

using repository::Relation;

constexpr std::uint64_t kLargeDatabase = 3ull << 30;  // takes longer than a lock may be held
constexpr std::uint64_t kFewScanned = 16;  // of so few, any change touches more than half
constexpr std::chrono::milliseconds kScanBusyTimeout{1000};
// File times are this coarse at most: a change within it may leave them as they were.
constexpr std::chrono::milliseconds kClockTick{100};
// Reading takes at most this part of the time, and no longer than that between two readings.
constexpr int kReadingPart = 10;
constexpr std::chrono::seconds kLongestBetweenReadings{60}, kRest{1};

}  // namespace

using Implementation = DatabaseReplicator::Implementation;

env::Path Implementation::cache_directory() {
  if (own_cache_) return own_cache_->path();
  if (options_.cache_directory.empty()) own_cache_.emplace();
  return own_cache_ ? own_cache_->path() : options_.cache_directory;
}

env::Path Implementation::table_path() {
  return digest_table_path(repository_, cache_directory(), options_.database.name,
                           options_.database.path);
}

Implementation::Stamp Implementation::stamp() const {
  Stamp stamp;
  const auto look = [&](const char* suffix, bool may_be_empty) -> std::optional<Stamp::File> {
    env::Path path = options_.database.path;
    path += suffix;
    try {
      const auto status = files_.status(path);
      if (!status || (status->size == 0 && !may_be_empty)) return std::nullopt;
      stamp.newest = std::max(stamp.newest, status->modified);
      return Stamp::File{status->size, status->identity, status->modified};
    } catch (const Error&) {
      return std::nullopt;
    }
  };
  stamp.database = look("", true);
  stamp.log = look("-wal", false);
  stamp.journal = look("-journal", false);
  return stamp;
}

void Implementation::begin_scan() {
  scanning_ = true;
  scan_broke_ = false;
  pending_ = {};
  first_change_.reset();
  last_change_.reset();
  look_at_.reset();
  ++epoch_;
  scan_began_ = elapsed();
  // In this order: what happens after either of them is seen afterwards.
  scan_stamp_ = stamp();
  const Time now = Time(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
  stamp_settled_ = std::chrono::abs(now - scan_stamp_.newest) > kClockTick;
  log_follows_ = follower_.begin();
  if (log_follows_) look_at(elapsed() + options_.busy_coalescing);
  report();
}

// A look after the scan, unbroken since before it: then nothing has fallen between them.
bool Implementation::end_scan() {
  if (log_follows_) look();
  log_is_young_until_ = elapsed() + kYoung;  // that of the scan may end with it
  scanning_ = false;
  stamp_ = scan_stamp_;
  const Duration rested = scan_began_ - last_scan_;
  last_scan_ = elapsed();
  scan_at_ = last_scan_;
  // One alone may be followed by another at once; only many of them could be felt.
  if (rested < kRest) {
    scan_at_ += std::clamp((last_scan_ - scan_began_) * kReadingPart,
                           options_.shortest_between_scans / kReadingPart,
                           Duration(kLongestBetweenReadings));
  }
  ++scans_;
  error_patience_.reset();
  // Opening the database makes the index of a log anew that nobody has open, which ends following;
  // but nothing was written.
  const bool learnt = !scan_broke_ || (stamp_settled_ && stamp() == scan_stamp_);
  mode_ = log_follows_ ? Mode::kLog : Mode::kStamp;
  if (mode_ == Mode::kStamp && !stamp_settled_ && !first_change_) {
    first_change_ = last_change_ = elapsed() + 2 * kClockTick;
  }
  const std::lock_guard lock(report_mutex_);
  report_.continuity_repaired += std::exchange(lost_, false) && learnt ? 1 : 0;
  return learnt;
}

void Implementation::apply_pending() {
  Pending learnt = std::exchange(pending_, {});
  if (learnt.commits == 0) return;
  std::vector<std::uint32_t> pages;
  Bytes content;
  content.reserve(learnt.bytes);
  for (auto at = learnt.pages.begin(); at != learnt.pages.end(); at = learnt.pages.erase(at)) {
    pages.push_back(at->first);
    content.insert(content.end(), at->second.begin(), at->second.end());
  }
  if (!apply(learnt.commits, learnt.geometry, pages, content, learnt.seen, false)) {
    lose(sqlite::Loss::kUnreadable, "what was learnt during the scan does not fit to it");
  }
}

repository::Snapshot Implementation::back_up_now() {
  BackupRequest request;
  request.databases = {options_.database};
  request.name = fmt::format("{}_replicated_{}", options_.database.name,
                             format_compact(repository_.clock().now()));
  request.tags = {std::string(repository::kReplicatedTag)};
  request.command = options_.command;
  request.cache_directory = cache_directory();
  request.in_own_series = options_.shared_snapshots != nullptr &&
                          !options_.shared_snapshots->hold(options_.database.name);
  return back_up(repository_, files_, request, no_progress()).snapshot;
}

std::string Implementation::checksum_of(const repository::Timeline& timeline,
                                        const repository::Position& position) {
  for (const repository::SegmentName& name : timeline.segments) {
    if (name.position == position)
      return repository::read_segment(repository_, series_, name).checksum;
  }
  for (const repository::AnchorName& name : timeline.anchors) {
    if (name.position == position) return repository::read_anchor(repository_, name).checksum;
  }
  return {};
}

// The first anchor of a branch.
void Implementation::relate_to_history(const repository::DatabaseState& state,
                                       repository::AnchorName& name) {
  const std::vector<SnapshotId> ids = repository::snapshot_ids(repository_, series_);
  const std::set<SnapshotId> there(ids.begin(), ids.end());
  const repository::Timeline timeline = repository::load_timeline(repository_, series_, &there);
  std::uint64_t last = 0;
  for (const repository::LinePiece& piece : repository::main_line(timeline)) {
    last = std::max(last, piece.last);
  }
  const auto newest = repository::find_newest(timeline);
  name.position.number = last + 1;
  if (!newest) return;
  name.origin = newest->position;
  name.relation = Relation::kRepaired;
  for (const repository::Position& earlier : repository::find_check(timeline, state.checksum)) {
    const bool at_the_end = earlier == newest->position;
    // A side branch is no place to go on from: the main line would leave out what is on it.
    if (!at_the_end && !on_main_line(timeline, earlier)) continue;
    if (checksum_of(timeline, earlier) != state.checksum) continue;
    name.origin = earlier;
    name.relation = at_the_end ? Relation::kContinued : Relation::kForked;
    if (at_the_end && earlier.number == last) name.position.number = last;
    return;
  }
}

bool Implementation::on_main_line(const repository::Timeline& timeline,
                                  const repository::Position& position) {
  for (const repository::LinePiece& piece : repository::main_line(timeline)) {
    if (piece.branch == position.branch && position.number > piece.after &&
        position.number <= piece.last) {
      return true;
    }
  }
  return false;
}

repository::Anchor Implementation::relate(const repository::DatabaseState& state) {
  repository::Anchor anchor;
  anchor.checksum = state.checksum;
  anchor.page_size = state.page_size;
  anchor.page_count = state.page_count;
  anchor.host = env::this_process().host;
  anchor.name.time = state.moment;
  bool began = false, replaced = false;
  {
    const std::lock_guard lock(mutex_);
    if (!lease_)
      throw Error(ErrorCode::kLeaseLost, "the lease was lost while the database was read");
    anchor.name.position = {lease_->branch(), number_ + 1};
    anchor.name.origin = {lease_->branch(), number_};
    anchor.name.relation = Relation::kRepaired;
    if (state.checksum == last_checksum_) {
      anchor.name.position.number = number_;
      anchor.name.relation = Relation::kContinued;
    }
    began = session_began_;
    replaced = replaced_;
  }
  if (!began) {
    anchor.name.origin = {};
    anchor.name.relation = Relation::kFirst;
    relate_to_history(state, anchor.name);
  }
  const std::uint64_t same = state.page_count - std::min(state.pages_changed, state.page_count);
  if (anchor.name.relation == Relation::kRepaired && (replaced || !began) &&
      state.page_count >= kFewScanned && same * 2 < state.page_count) {
    anchor.name.relation = Relation::kReplaced;
  }
  anchor.reason =
      fmt::format("the database was read ({})", repository::relation_name(anchor.name.relation));
  return anchor;
}

repository::AnchorName Implementation::put_confirmed(repository::Anchor anchor,
                                                     const repository::Snapshot& snapshot) {
  std::shared_ptr<repository::Lease> lease;
  {
    const std::lock_guard lock(mutex_);
    if (!deposed_) lease = lease_;
  }
  if (!lease || lease->branch() != anchor.name.position.branch || !lease->confirm_now()) {
    const std::lock_guard lock(mutex_);
    if (!deposed_) depose();
    throw Error(
        ErrorCode::kLeaseLost,
        fmt::format("another process has taken over the timeline of {}", options_.database.name));
  }
  anchor.name.snapshot = snapshot.id;
  return repository::put_anchor(repository_, series_, std::move(anchor));
}

void Implementation::go_on_from(const repository::AnchorName& anchor,
                                const repository::Snapshot& snapshot) {
  const repository::DatabaseState& state = snapshot.databases.front();
  const std::lock_guard lock(mutex_);
  number_ = anchor.position.number;
  numbers_ = {number_};
  learnt_ = {.number = number_};
  last_checksum_ = state.checksum;
  last_seen_ = anchor.time;
  last_close_ = elapsed();
  snapshot_ = snapshot;
  session_began_ = true;
  needs_scan_ = replaced_ = refused_ = known_outdated_ = false;
  gap_since_.reset();
  {
    const std::lock_guard report_lock(report_mutex_);
    report_.snapshot = snapshot.id;
    report_.snapshot_time = snapshot.time;
  }
  shipped();
  const bool adds_up = known_.begin(table_path(), snapshot.id, state.checksum);
  const bool learnt = end_scan();
  if (!adds_up) {
    if (!own_cache_) own_cache_.emplace();
    lose(sqlite::Loss::kUnreadable, "the local page digests cannot be kept");
  } else if (!learnt) {
    lost_ = true;
    read_soon();
  } else {
    apply_pending();
    ship_learnt();
  }
}

void Implementation::full_scan() {
  bool began = false;
  {
    const std::lock_guard lock(mutex_);
    began = session_began_;
  }
  if (!began && refuses_database()) return;
  if (!began) remove_leftovers();
  {
    const std::lock_guard lock(mutex_);
    mode_ = Mode::kNone;
    refused_ = false;
    begin_scan();
  }
  const repository::Snapshot snapshot = back_up_now();
  const repository::AnchorName name = put_confirmed(relate(snapshot.databases.front()), snapshot);
  go_on_from(name, snapshot);
  ::malloc_trim(0);
}

// Opening a connection makes files come and go, which looks like a change.
bool Implementation::needs_light_scan() {
  if (!stamp_settled_ || stamp() != stamp_) return true;
  first_change_.reset();
  last_change_.reset();
  return false;
}

// A segment carries no mark of damage: its position has that of the snapshot it goes on from.
bool Implementation::is_marked_like(const sqlite::PageSource& source) const {
  const std::lock_guard lock(mutex_);
  return !snapshot_.databases.empty() && source.damage() == snapshot_.databases.front().damage;
}

void Implementation::light_scan() {
  {
    const std::lock_guard lock(mutex_);
    if (!needs_light_scan()) return;
    const bool large = stamp().database && stamp().database->size > kLargeDatabase;
    if (large || !known_.valid() || !known_.open_table()) {
      scan_again(Duration(0));
      return;
    }
    begin_scan();
  }
  const auto source =
      sqlite::open_page_source(options_.database.path, {.busy_timeout = kScanBusyTimeout});
  std::optional<ScanChanges> changes;
  if (is_marked_like(*source)) {
    changes = scan_changes(
        *source, known_.hasher(), known_.geometry().page_size,
        [this](std::uint64_t first, std::span<codec::PageDigest> out) {
          known_.read_digests(first, out);
        },
        options_.look_bytes, 0);
  }
  if (!is_marked_like(*source)) changes.reset();  // that could change with the view
  const std::lock_guard lock(mutex_);
  const bool learnt = end_scan();
  if (known_outdated_) {
    forget_known();
    pending_ = {};
    scan_again(Duration(0));
    return;
  }
  if (!learnt) {
    lost_ = true;
    read_soon();
  }
  if (!changes) {
    lost_ = true;
    scan_again(Duration(0));
    return;
  }
  const bool differs = !changes->pages.empty() || changes->geometry != known_.geometry();
  if (differs) {
    if (!apply(1, changes->geometry, changes->pages, changes->content, repository_.clock().now(),
               true)) {
      lose(sqlite::Loss::kUnreadable, "what was found does not fit to what is known");
      return;
    }
  }
  // Nothing may be sent between the two: sending lets others look, and what they find is newer.
  if (learnt) apply_pending();
  ship_learnt();
}

}  // namespace holdfast::engine
