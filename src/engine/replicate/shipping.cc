// From what a look has found to segments in the store.
#include <fmt/format.h>

#include <array>

#include "engine/replicate/replica.h"

namespace holdfast::engine {
namespace {

using std::chrono::milliseconds;

// A wake-up comes when the log is written, and the commit only after the log was synced; then
// nothing wakes any more. So the log is looked at again after each of these.
constexpr std::array kAgain = {milliseconds(1), milliseconds(5), milliseconds(25),
                               milliseconds(100), milliseconds(500)};
constexpr milliseconds kSpacingWhileAway{200};
// After so many commits at once, a log may be reset before it was read: look again sooner.
constexpr std::uint64_t kManyCommits = 200;

}  // namespace

using Implementation = DatabaseReplicator::Implementation;

void Implementation::schedule_look() {
  if (misses_ == kAgain.size()) return;
  look_at(std::max(elapsed() + kAgain[misses_], last_look_ + spacing()));
}

Duration Implementation::spacing() const {
  if (!backlog_.empty() && !sending_) return kSpacingWhileAway;
  return last_commits_ > kManyCommits ? options_.busy_coalescing / 4 : options_.busy_coalescing;
}

void Implementation::look() {
  look_at_.reset();
  bool more = true;
  while (more && looks()) {
    last_look_ = elapsed();
    const bool had_no_log = follower_.is_between_logs();
    const sqlite::Look found = follower_.look(options_.look_bytes);
    if (had_no_log && !follower_.is_between_logs()) log_is_young_until_ = elapsed() + kYoung;
    more = found.kind == sqlite::Look::Kind::kCommits && found.more;
    switch (found.kind) {
      case sqlite::Look::Kind::kNothing:
        ++misses_;
        break;
      case sqlite::Look::Kind::kCommits:
        misses_ = 0;
        last_commits_ = found.commits;
        learn(found);
        break;
      case sqlite::Look::Kind::kLost:
        lose(found.loss, found.detail);
        break;
    }
  }
  if (looks()) schedule_look();
}

void Implementation::learn(const sqlite::Look& found) {
  const Time seen = repository_.clock().now();
  {
    const std::lock_guard lock(report_mutex_);
    ++report_.continuity_proved;
  }
  if (scanning_) {
    pending_.seen = seen;
    keep_pending(found);
    return;
  }
  if (!apply(found.commits, found.geometry, found.pages, found.content, seen, false)) {
    lose(sqlite::Loss::kUnreadable, "what was learnt cannot be joined to what is known");
    return;
  }
  ship_learnt();
}

bool Implementation::apply(std::uint64_t commits, const sqlite::Geometry& geometry,
                           std::span<const std::uint32_t> pages, ByteView content, Time seen,
                           bool scanned) {
  if (!known_.apply(learnt_.number + commits, geometry, pages, content)) return false;
  if (!learnt_.unsealed) learnt_ = {.number = learnt_.number, .first_seen = seen};
  learnt_.unsealed = true;
  learnt_.number += commits;
  learnt_.scanned = learnt_.scanned || scanned;
  learnt_.bytes += content.size();
  learnt_.seen = seen;
  last_commit_ = elapsed();
  return true;
}

// While the store is slow, or is not to be asked so often, what comes meanwhile becomes one
// segment.
void Implementation::ship_learnt() {
  if (!learnt_.unsealed || sending_) return;
  const Duration now = elapsed();
  if (now < ship_at_ && now < close_at()) return;
  ship_at_ = now + options_.ship_interval;
  seal();
  if (send() || scanning_ || known_.overlay().bytes() <= options_.overlay_bytes) return;
  // A snapshot cannot be made now, and memory is bounded: a scan makes it later.
  known_.forget_content();
  numbers_ = {number_};
}

void Implementation::keep_pending(const sqlite::Look& found) {
  Pending& kept = pending_;
  kept.commits += found.commits;
  kept.geometry = found.geometry;
  while (!kept.pages.empty() && kept.pages.rbegin()->first > found.geometry.page_count) {
    kept.bytes -= kept.pages.rbegin()->second.size();
    kept.pages.erase(std::prev(kept.pages.end()));
  }
  for (std::size_t i = 0; i < found.pages.size(); ++i) {
    const ByteView page =
        ByteView(found.content).subspan(i * found.geometry.page_size, found.geometry.page_size);
    Bytes& place = kept.pages[found.pages[i]];
    kept.bytes += page.size() - place.size();
    place.assign(page.begin(), page.end());
  }
  if (kept.bytes > options_.overlay_bytes) {
    lose(sqlite::Loss::kTooLarge, "too much changed while the database was read");
  }
}

// The base of the next segment.
std::uint64_t Implementation::reach_back(std::size_t own_bytes) const {
  const std::uint64_t count = numbers_.size();
  std::uint64_t reach = std::min(segment_reach(count), count);
  while (reach > 1 &&
         known_.overlay().bytes_after(numbers_[count - reach]) > own_bytes + options_.reach_bytes) {
    reach /= 4;
  }
  return numbers_[count - reach];
}

void Implementation::seal() {
  const Learnt learnt = std::exchange(learnt_, {.number = learnt_.number});
  repository::Segment segment{.position = {lease_->branch(), learnt.number},
                              .base = reach_back(learnt.bytes),
                              .time = learnt.seen,
                              .page_size = known_.geometry().page_size,
                              .page_count = known_.geometry().page_count,
                              .checksum = known_.checksum(),
                              .scanned = learnt.scanned,
                              .pages = {},
                              .content = {}};
  segment.pages = known_.overlay().written_after(segment.base);
  segment.content.reserve(segment.pages.size() * segment.page_size);
  for (const std::uint32_t page : segment.pages) {
    const Bytes& content = *known_.overlay().find(page)->content;
    segment.content.insert(segment.content.end(), content.begin(), content.end());
  }
  bool kept = false;
  std::string why = "the backlog is full";
  try {
    kept = backlog_.add(repository::seal_segment(repository_, series_, segment), learnt.first_seen);
  } catch (const Error& error) {
    why = error.what();
  }
  if (!kept) {
    if (!gap_since_) gap_since_ = learnt.first_seen;
    lose(sqlite::Loss::kNone, why);
    return;
  }
  numbers_.push_back(learnt.number);
  number_ = learnt.number;
  last_checksum_ = segment.checksum;
  last_seen_ = learnt.seen;
  const std::lock_guard lock(report_mutex_);
  ++report_.segments;
}

bool Implementation::send() {
  if (backlog_.empty() && !unconfirmed_) return true;
  if (sending_ || elapsed() < send_at_) return false;
  report();  // a store that hangs is seen to hang
  // Asked again afterwards, because sending may have taken long: what went to a side branch is not
  // acknowledged.
  if (confirm() && send_backlog() && confirm()) {
    unconfirmed_ = false;
    if (lease_) confirm_at_ = elapsed() + lease_->confirm_after();
    store_patience_.reset();
    shipped();
    return true;
  }
  send_at_ = elapsed() + store_patience_.next();
  return false;
}

// False where it is not known. One that is lost is known: what waits is sent all the same.
bool Implementation::confirm() {
  try {
    if (lease_ && !deposed_ && !lease_->confirm()) depose();
    return true;
  } catch (const Error& error) {
    report_error(error.what());
    backlog_.hold(error.what());
    return false;
  }
}

bool Implementation::send_backlog() {
  try {
    sending_ = true;
    const bool sent = backlog_.send(&mutex_);
    sending_ = false;
    if (!sent) {
      report_error(backlog_.last_failure());
      return false;
    }
    unconfirmed_ = true;
    return true;
  } catch (const Error& error) {
    sending_ = false;
    // Refused for good: nothing that reaches back over it may follow.
    report_error(error.what());
    backlog_.drop_first();
    if (session_began_) lose(sqlite::Loss::kNone, error.what());
    return false;
  }
}

void Implementation::shipped() {
  if (!session_began_ || deposed_ || !lease_) return;
  const repository::Position position{lease_->branch(), number_};
  {
    const std::lock_guard lock(report_mutex_);
    report_.position = position;
    report_.durable_commit = last_seen_;
    report_.last_error.clear();
  }
  if (options_.on_durable) options_.on_durable(position, last_seen_);
}

void Implementation::scan_again(Duration after) {
  mode_ = Mode::kNone;
  needs_scan_ = true;
  scan_at_ = elapsed() + after;
  look_at_.reset();
}

// By a light scan, as soon as the last scan lets it.
void Implementation::read_soon() {
  mode_ = Mode::kStamp;
  stamp_settled_ = false;
  first_change_ = last_change_ = elapsed() - Duration(kLongestUnread);
}

void Implementation::lose(sqlite::Loss loss, std::string_view detail) {
  if (learnt_.unsealed && known_.valid() && !scanning_) seal();
  const Duration now = elapsed();
  ++epoch_;
  lost_ = true;
  const std::string reason = loss == sqlite::Loss::kNone
                                 ? std::string(detail)
                                 : fmt::format("{}: {}", sqlite::loss_name(loss), detail);
  {
    const std::lock_guard lock(report_mutex_);
    report_.last_loss = reason;
  }
  if (scanning_) {
    scan_broke_ = true;
    log_follows_ = false;
    pending_ = {};
    return;
  }
  const bool small = loss != sqlite::Loss::kNone && loss != sqlite::Loss::kReplaced &&
                     loss != sqlite::Loss::kPageSize && loss != sqlite::Loss::kTooLarge;
  const bool again = now - last_scan_ < std::chrono::minutes(1);
  if (mode_ == Mode::kLog && known_.valid() && small && (loss == sqlite::Loss::kNoLog || again)) {
    // Reading what the last connection left is quick, and often finds nothing. And a log that
    // is reset faster than anybody can read it gets no snapshot for each time.
    read_soon();
    return;
  }
  replaced_ = replaced_ || loss == sqlite::Loss::kReplaced;
  if (!again) loss_patience_.reset();
  const Duration earliest = last_scan_ + (scans_ == 0 ? Duration(0) : loss_patience_.next());
  scan_again(std::max(Duration(0), earliest - now));
  progress_.notice(fmt::format("{}: continuity was lost ({}); the database is read again",
                               options_.database.name, reason));
}

// Who writes nothing more asks once more, and then never again: what was sent last may have gone to
// a side branch.
void Implementation::confirm_last() {
  confirm_at_.reset();
  try {
    if (lease_ && !deposed_ && !lease_->confirm_now()) depose();
  } catch (const Error& error) {
    report_error(error.what());
    confirm_at_ = elapsed() + store_patience_.next();
  }
}

// A scan under way reads it without the mutex: then it is forgotten when that has ended.
void Implementation::forget_known() {
  known_outdated_ = scanning_;
  if (!scanning_) known_.forget();
}

void Implementation::depose() {
  deposed_ = true;
  session_began_ = false;
  learnt_ = {};
  lease_at_ = elapsed() + Duration(options_.lease.stale_after);
  scan_again(Duration(0));
  forget_known();
  progress_.warning(fmt::format(
      "{}: another process has taken over the timeline; what is still sent goes to a side branch",
      options_.database.name));
}

}  // namespace holdfast::engine
