// When the last connection closes, the log is written back and deleted.
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "sqlite/companion_files.h"
#include "sqlite/file_header.h"
#include "sqlite/open_connections.h"
#include "sqlite/wal_follower_state.h"

namespace holdfast::sqlite {
namespace {

// The files of a witness's record.
constexpr std::size_t kDatabase = 0, kLog = 1, kIndex = 2, kFiles = 3;

bool is_untouched_since(const env::EventRecord& record, std::uint64_t event) {
  const env::FileEvents& file = record.files[kDatabase];
  return record.unbroken_since <= event &&
         std::max({file.written, file.appeared, file.vanished}) <= event;
}

// Its own descriptor, given back like that of an index.
bool says_wal(const std::filesystem::path& database) {
  const int file = ::open(database.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  std::array<std::byte, kFileHeaderSize> bytes{};
  const bool whole = read_some(file, 0, bytes) == bytes.size();
  close_when_unlocked(file);
  return whole && FileHeader::parse(bytes).says_wal;
}

}  // namespace

using FollowerAnswer = std::optional<Look>;

std::optional<env::EventRecord> WalFollower::State::ask_witness() const {
  if (!witness) return std::nullopt;
  auto record = witness();
  if (record && record->files.size() < kFiles) record.reset();
  return record;
}

// An index that is found in its place after this was deleted later than this.
void WalFollower::State::note_events() {
  const auto record = ask_witness();
  events_asked = record && record->unbroken_since <= record->now ? record->now : 0;
}

// The event by which the index that was followed was deleted, if nothing has happened to the
// database file since. What SQLite wrote back came before it.
std::optional<std::uint64_t> WalFollower::State::witnessed_deletion(const FileState& file) const {
  // Whoever writes through another name of the file is not seen.
  if (file.links != 1 || events_in_place == 0) return std::nullopt;
  const auto record = ask_witness();
  if (!record || record->unbroken_since > events_in_place) return std::nullopt;
  const env::FileEvents &index = record->files[kIndex], &log = record->files[kLog];
  // No other log has come since, or it would be another's deletion that is seen.
  const bool is_ours = index.vanished > events_in_place && index.appeared <= events_in_place &&
                       log.appeared <= events_in_place;
  if (!is_ours || !is_untouched_since(*record, index.vanished)) return std::nullopt;
  return index.vanished;
}

// Asked after `file` was looked at, and as long as there is no log: a write that was under way when
// its time was taken is seen when it has ended, and before its writer lets anybody else in. Where
// the witness has missed something, the times decide, if they have come to count meanwhile.
bool WalFollower::State::is_witnessed_untouched(const FileState& file) {
  if (!deletion_event) return true;
  const bool is_settled = times_count && file.is_settled();
  const auto record = ask_witness();
  if (!record || record->unbroken_since > *deletion_event) return times_prove;
  if (file.links != 1 || !is_untouched_since(*record, *deletion_event)) return false;
  times_prove = times_prove || is_settled;
  return true;
}

bool WalFollower::State::is_complete_file(const std::optional<FileState>& file) {
  if (!file || !complete_file) return false;
  const bool same =
      times_count ? *file == *complete_file
                  : file->identity == complete_file->identity && file->size == complete_file->size;
  return same && is_witnessed_untouched(*file);
}

// An index is made anew by cutting off the old one, or in a new file.
bool WalFollower::State::is_index_witnessed(std::uint64_t since) const {
  const auto record = ask_witness();
  if (since == 0 || !record || record->unbroken_since > since) return false;
  const env::FileEvents& index = record->files[kIndex];
  return std::max(index.written, index.appeared) <= since;
}

// Nobody has it open, and all that was committed is in the file.
bool WalFollower::State::begin_between_logs(const FileState& file) {
  note_events();
  if (events_asked == 0 || file.links != 1 || !says_wal(resolved)) return false;
  complete_file = FileState::of(path);
  if (!complete_file || complete_file->identity != file.identity) return false;
  for (const auto& companion : {wal_path(resolved), shm_path(resolved)}) {
    if (FileState::of(companion)) return false;
  }
  deletion_event = events_asked;
  times_prove = false;
  file_at_begin = *complete_file;
  following = between_logs = is_complete_file(FileState::of(path));
  return following;
}

FollowerAnswer WalFollower::State::look_after_deletion(const IndexState& index) {
  const auto deleted = files.index_state(), log = files.log_state();
  const auto last = files.index();
  const auto file = FileState::of(path);
  if (!deleted || !log || !last || !file) {
    return lose(Loss::kUnreadable, "a file cannot be looked at");
  }
  if (last->header != index.header) return std::nullopt;
  if (log->links != 0) {
    // The index is deleted before the log.
    if (!index_file()) return nothing_new();
    return lose(Loss::kIndex, "another index took the place of the one that was followed");
  }
  if (deleted->links != 0 || last->backfilled < last->header.last_frame() || files.holder() != 0) {
    return lose(Loss::kNoLog, "the log was deleted by somebody else than SQLite");
  }
  // What SQLite wrote back came before it deleted the index. Within one tick of the file system's
  // clock, only a witness can tell.
  const bool same_tick = file->changed == deleted->changed || !times_count;
  const bool is_later = !same_tick && file->changed > deleted->changed;
  deletion_event = same_tick ? witnessed_deletion(*file) : std::nullopt;
  times_prove = false;
  if (file->identity != identity || is_later || (same_tick && !deletion_event)) {
    return lose(Loss::kNoLog, "the database was written to after its log was deleted");
  }
  complete_file = file;
  between_logs = true;
  files.close();
  return nothing_new();
}

// The known state is what the database file holds, as long as that is not written to. So a new log
// beside it goes on from there.
FollowerAnswer WalFollower::State::look_between_logs(const FileState& file,
                                                     std::size_t most_bytes) {
  if (!is_complete_file(file)) {
    return lose(Loss::kNoLog, "the database was written to while it had no log");
  }
  // One that was not finished yet is kept open: it may be deleted before the next look.
  const auto opening = files.is_open() ? LogFiles::Opening::kOpened : files.open(resolved);
  if (opening == LogFiles::Opening::kNone) return nothing_new();
  if (opening != LogFiles::Opening::kOpened) {
    return lose(Loss::kUnreadable, "the new log cannot be opened");
  }
  const auto index = read_index();
  note_events();
  // No checkpoint has run, so the new log was not reset either: it has every frame.
  if (!is_complete_file(FileState::of(path))) {
    return lose(Loss::kNoLog, "the database was written to before its new log could be read");
  }
  if (!is_in_place()) {
    files.close();
    return std::nullopt;
  }
  if (!index) return unsettled();
  unsettled_looks = 0;
  between_logs = false;
  deletion_event.reset();
  file_at_begin = *std::exchange(complete_file, std::nullopt);
  known.place = {.salts = index->header.salts(), .frame = 0, .checksum = {}};
  known.changes.reset();
  keep_file(*index);
  if (index->header.last_frame() > 0) return read_commits(*index, most_bytes);
  keep(*index);
  return nothing_new();
}

bool WalFollower::State::is_newest() {
  if (!following) return false;
  const auto file = FileState::of(path);
  if (!file || file->identity != identity) return false;
  if (between_logs) {
    return is_complete_file(file) && !index_file();
  }
  if (!files.is_open() && !reopen()) return false;
  const auto index = files.index();
  return index && is_known(index->header) && is_in_place();
}

}  // namespace holdfast::sqlite
