// How a read transaction is matched with the state of the log that it sees.
//
// SQLite does not say which state a transaction got. But each commit and each reset of the log
// changes the header in the wal-index, and SQLite reads that header while it begins the
// transaction: where the header is the same right before and right after, it is the transaction's.
//
// Where the pages of that state are depends on the read lock that SQLite took:
//
// - Locks 1 to 4 carry a mark, at most the header's last frame. While one is held shared, a
// checkpoint writes no
//   frame beyond the mark into the database file, and nobody resets the log. A page whose last
//   frame within the view was not yet backfilled is read from the log, every other from the file. A
//   checkpoint that backfills frames of the view meanwhile does no harm: those pages come from the
//   log here.
// - Lock 0 is taken only when every frame of the header is in the database file. While it is held
// shared, no
//   checkpoint writes to the database file. The log may be reset and overwritten at any time, and
//   is not needed.
//
// Which lock it was need not be known. The number of backfilled frames only grows within one
// generation of the log. Read after the transaction began, with the header still unchanged after
// that, it is
// - less than the last frame: then it was less before too, so the lock is one of 1 to 4, and the
// log stays;
// - equal to the last frame: then the whole view is in the database file, and either kind of lock
// keeps it there:
//   with a mark, a checkpoint can only write again what is there already.
// When the index is rebuilt after a writer crashed, the number falls back to 0. With lock 0 held,
// nothing can then be backfilled, so the log can not be reset either, and reading from it is right
// as well.
//
// A page is skipped by a checkpoint when its last frame lies beyond what the checkpoint may write,
// even if an earlier frame of it counts as backfilled. That last frame was committed before the
// number was read, so it is within the view, beyond the number, and therefore in the overlay.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/file_header.h"
#include "sqlite/wal_source.h"

namespace holdfast::sqlite {
namespace {

std::vector<std::uint64_t> overlay_of(const WalIndex& index, std::uint32_t backfilled,
                                      const WalView& view) {
  std::vector<std::uint64_t> frames;
  frames.reserve(view.header.last_frame() - backfilled);
  index.for_each_frame(backfilled + 1, view.header.last_frame(),
                       [&](std::uint32_t frame, PageNumber page) {
                         if (page <= view.geometry.page_count) {
                           frames.push_back(std::uint64_t{page} << 32 | frame);
                         }
                       });
  std::sort(frames.begin(), frames.end());
  // The last frame of each page stands last among its frames.
  const auto same_page = [](std::uint64_t a, std::uint64_t b) { return a >> 32 == b >> 32; };
  const auto kept = std::unique(frames.rbegin(), frames.rend(), same_page);
  frames.erase(frames.begin(), kept.base());
  return frames;
}

}  // namespace

WalReader::WalReader(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout)
    : connection_(path, Access::kReadWrite, busy_timeout),
      begin_read_(connection_.get(), "PRAGMA schema_version"),
      busy_timeout_(busy_timeout) {
  connection_.execute("PRAGMA query_only = ON");
  // The wal-index must be open before its header can be compared.
  begin_read_.step();
  begin_read_.reset();
  if (!connection_.journal().is_open()) {
    throw Error(ErrorCode::kDatabaseChanged,
                fmt::format("{} left WAL mode while it was opened", path.string()));
  }
  if (connection_.file().wal_index_region(0) == nullptr) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("the write-ahead log of {} cannot be read together with the "
                            "processes that use it: no access to {}",
                            path.string(), shm_path(connection_.resolved_path()).string()));
  }
}

WalView WalReader::begin() {
  const auto deadline = std::chrono::steady_clock::now() + busy_timeout_;
  for (WalView view;;) {
    connection_.execute("BEGIN");
    try {
      if (try_begin(view)) return view;
      end();
    } catch (...) {
      end();
      throw;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(ErrorCode::kDatabaseBusy,
                  fmt::format("no moment between two commits of {} was long enough for a view",
                              connection_.resolved_path().string()));
    }
  }
}

bool WalReader::try_begin(WalView& view) {
  const WalIndex index = this->index();
  const auto before = index.header();
  begin_read_.step();
  begin_read_.reset();
  const auto after = index.header();
  if (!after || before != after) return false;
  const std::uint32_t backfilled = index.backfilled();
  if (index.header() != after) return false;
  view = {.header = *after,
          .geometry = geometry_of(*after),
          .overlay = {},
          .backfilled = backfilled,
          .file = {}};
  if (backfilled < after->last_frame()) view.overlay = overlay_of(index, backfilled, view);
  if (is_untouched_by_checkpoints(view)) {
    view.file = FileState::settled(connection_.resolved_path());
    if (!is_untouched_by_checkpoints(view)) view.file.reset();
  }
  return true;
}

// None was under way, and none has begun since. Within one generation of the log both numbers only
// grow, and a checkpoint that has everything in the file writes nothing.
bool WalReader::is_untouched_by_checkpoints(const WalView& view) const {
  const WalIndex index = this->index();
  const auto header = index.header();
  return header && header->salts() == view.header.salts() && index.attempted() == view.backfilled &&
         index.backfilled() == view.backfilled;
}

// In this order: a checkpoint that has changed the file has said before that it would.
bool WalReader::was_written_past_locks(const WalView& view) const {
  return view.file && FileState::of(connection_.resolved_path()) != view.file &&
         is_untouched_by_checkpoints(view);
}

Geometry WalReader::geometry_of(const WalIndexHeader& header) const {
  if (header.page_size() != 0 && header.page_count() != 0) {
    return {.page_size = header.page_size(), .page_count = header.page_count()};
  }
  // Nothing was ever written to this log: the database file knows.
  const DatabaseFile file = connection_.file();
  std::array<std::byte, kFileHeaderSize> bytes{};
  file.read(0, bytes);
  const FileHeader in_file = FileHeader::parse(bytes);
  const auto file_pages = in_file.page_size == 0
                              ? PageNumber{0}
                              : static_cast<PageNumber>(file.size() / in_file.page_size);
  const PageNumber page_count = in_file.page_count != 0 ? in_file.page_count : file_pages;
  if (file_pages == 0 || page_count > file_pages) {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("{} says that it has {} pages, but ends after {}",
                            connection_.resolved_path().string(), page_count, file_pages));
  }
  return {.page_size = in_file.page_size, .page_count = page_count};
}

void WalReader::end() {
  begin_read_.reset();
  if (connection_.in_transaction()) connection_.execute("COMMIT");
}

}  // namespace holdfast::sqlite
