#include "sqlite/wal_source.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/file_header.h"
#include "sqlite/log_proof.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {
namespace {

std::uint64_t frame_content_offset(std::uint32_t frame, std::uint32_t page_size) {
  return kLogHeaderSize + std::uint64_t{frame - 1} * (kFrameHeaderSize + page_size) +
         kFrameHeaderSize;
}

PageNumber page_of(std::uint64_t entry) { return static_cast<PageNumber>(entry >> 32); }
std::uint32_t frame_of(std::uint64_t entry) { return static_cast<std::uint32_t>(entry); }

}  // namespace

WalSource::WalSource(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout)
    : found_log_(FileStamp::of(wal_path(path)).has_value()),
      found_index_(FileStamp::of(shm_path(path)).has_value()) {
  try {
    for (auto& reader : readers_) reader.emplace(path, busy_timeout);
    advance();
    release();
    view_.reset();
  } catch (...) {
    close();
    throw;
  }
}

WalSource::~WalSource() { close(); }

Change WalSource::advance() {
  const std::size_t next = 1 - current_;
  WalReader& reader = *readers_[next];
  WalView view = reader.begin();
  Change change;
  try {
    if (view_) change = difference(*view_, held_, view, reader.index());
    // Asked when the next view has begun, so that nothing falls between the two.
    if (view_ && !is_intact()) change = {};
    if (held_) readers_[current_]->end();
  } catch (...) {
    reader.end();
    throw;
  }
  view_ = std::move(view);
  torn_ = false;
  held_ = true;
  current_ = next;
  return change;
}

// Frames that the log got since a view are the pages that changed since, if none was lost to a
// reset:
// - The same salts mean the same generation of the log, in which frames are only appended.
// - Other salts while the view was still held: only lock 0 lets the log be reset, so the view was
// all in the
//   database file. Nothing can be backfilled while that lock is held, so a commit after the view
//   can not be lost to a reset: each one is in the generation that stands now.
// - Other salts after the view was given up: anything may have been written and reset.
// The frames are stable while this is read: either the new view holds a mark, or the salts are
// looked at again.
Change WalSource::difference(const WalView& before, bool held, const WalView& now,
                             const WalIndex& index) const {
  if (before.geometry.page_size != now.geometry.page_size) return {};
  const bool same_generation = before.header.salts() == now.header.salts();
  if (!same_generation && !held) return {};
  const std::uint32_t known = same_generation ? before.header.last_frame() : 0;
  const std::uint32_t last = now.header.last_frame();
  if (last < known) return {};
  if (same_generation && last == known) {
    if (before.header.frame_checksum() != now.header.frame_checksum()) return {};
    return {.kind = Change::Kind::kNothing, .pages = {}};
  }
  if (last == 0) return {.kind = Change::Kind::kNothing, .pages = {}};

  Change change{.kind = Change::Kind::kPages, .pages = {}};
  change.pages.reserve(last - known);
  index.for_each_frame(known + 1, last, [&](std::uint32_t, PageNumber page) {
    if (page >= 1 && page <= now.geometry.page_count) change.pages.push_back(page);
  });
  const auto header = index.header();
  if (now.overlay.empty() && (!header || header->salts() != now.header.salts())) return {};
  std::sort(change.pages.begin(), change.pages.end());
  change.pages.erase(std::unique(change.pages.begin(), change.pages.end()), change.pages.end());
  return change;
}

void WalSource::release() {
  if (!held_) return;
  held_ = false;
  view_->overlay = {};
  readers_[current_]->end();
}

bool WalSource::is_newest() {
  const auto header = readers_[current_]->index().header();
  if (!header) return false;
  // A reset alone leaves the content as it is; it is seen as a generation without frames.
  if (header->salts() != view_->header.salts()) return held_ && header->last_frame() == 0;
  return header->last_frame() == view_->header.last_frame() &&
         header->frame_checksum() == view_->header.frame_checksum();
}

bool WalSource::is_intact() {
  torn_ = torn_ || readers_[current_]->was_written_past_locks(*view_);
  return !torn_;
}

std::optional<LogMark> WalSource::mark() {
  return LogMark::of(opened().resolved_path(), view_->header, view_->geometry);
}

std::optional<std::vector<PageNumber>> WalSource::changed_since(const LogMark& mark) {
  return pages_since(mark, opened().resolved_path(), view_->header, view_->geometry);
}

void WalSource::read(PageNumber first, MutableByteView out) {
  const auto [page_size, page_count] = view_->geometry;
  const auto end = first + static_cast<PageNumber>(out.size() / page_size);
  const Connection& connection = opened();
  const DatabaseFile file = connection.file();
  const auto changed = [&] {
    return Error(ErrorCode::kDatabaseChanged, fmt::format("{} was cut off while it was read",
                                                          connection.resolved_path().string()));
  };
  // Pages at the end may be in the log only, and the lock page may be nowhere.
  PageNumber pages_in_file = end - 1;
  if (!file.read(std::uint64_t{first - 1} * page_size, out)) {
    pages_in_file = static_cast<PageNumber>(file.size() / page_size);
  }
  const auto lock_page = static_cast<PageNumber>(kLockByteOffset / page_size + 1);
  PageNumber missing = std::max(first, pages_in_file + 1);
  const auto& overlay = view_->overlay;
  const DatabaseFile log = connection.journal();
  for (auto entry = std::lower_bound(overlay.begin(), overlay.end(), std::uint64_t{first} << 32);
       entry != overlay.end() && page_of(*entry) < end; ++entry) {
    const PageNumber page = page_of(*entry);
    const MutableByteView content = out.subspan(std::size_t{page - first} * page_size, page_size);
    if (!log.read(frame_content_offset(frame_of(*entry), page_size), content)) throw changed();
    if (missing == lock_page && page > missing) ++missing;
    if (page == missing) ++missing;
  }
  if (missing == lock_page) ++missing;
  if (missing < end) throw changed();
}

bool WalSource::is_in_file(PageNumber first, PageNumber count) {
  const auto& overlay = view_->overlay;
  const auto entry = std::lower_bound(overlay.begin(), overlay.end(), std::uint64_t{first} << 32);
  return entry == overlay.end() || page_of(*entry) >= std::uint64_t{first} + count;
}

// Only a process that holds the database file exclusively may delete a log or its index; SQLite's
// own closing follows the same rule.
void WalSource::close() noexcept {
  try {
    const std::size_t last = readers_[current_] ? current_ : 1 - current_;
    if (!readers_[last]) return;
    readers_[1 - last].reset();
    WalReader& reader = *readers_[last];
    reader.end();
    Connection& connection = reader.connection();
    const auto path = connection.resolved_path();
    const DatabaseFile file = connection.file();
    if (!file.has_moved()) {
      const auto log = FileStamp::of(wal_path(path));
      if (!found_log_ && log && log->size == 0) {
        connection.checkpoint_on_close(true);
      } else if (!found_index_ && file.try_lock(SQLITE_LOCK_EXCLUSIVE)) {
        std::error_code ignored;
        std::filesystem::remove(shm_path(path), ignored);
      }
    }
    readers_[last].reset();
  } catch (const Error&) {
    for (auto& reader : readers_) reader.reset();
  }
}

}  // namespace holdfast::sqlite
