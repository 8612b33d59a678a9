// When the last connection closes, the log is written back and deleted.
#include <algorithm>

#include "sqlite/wal_follower_state.h"

namespace holdfast::sqlite {
namespace {

// The files of a witness's record.
constexpr std::size_t kDatabase = 0, kLog = 1, kIndex = 2, kFiles = 3;

bool is_untouched_since(const env::EventRecord& record, std::uint64_t event) {
  const env::FileEvents& file = record.files[kDatabase];
  return record.unbroken_since <= event &&
         std::max({file.written, file.appeared, file.vanished}) < event;
}

}  // namespace

using Answer = std::optional<Look>;

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
// its time was taken is seen when it has ended, and before its writer lets anybody else in.
bool WalFollower::State::is_witnessed_untouched(const FileState& file) const {
  if (!deletion_event) return true;
  const auto record = ask_witness();
  return file.links == 1 && record && is_untouched_since(*record, *deletion_event);
}

bool WalFollower::State::is_complete_file(const std::optional<FileState>& file) const {
  if (!file || !complete_file) return false;
  const bool same =
      times_count ? *file == *complete_file
                  : file->identity == complete_file->identity && file->size == complete_file->size;
  return same && is_witnessed_untouched(*file);
}

Answer WalFollower::State::look_after_deletion(const IndexState& index) {
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
Answer WalFollower::State::look_between_logs(const FileState& file, std::size_t most_bytes) {
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
