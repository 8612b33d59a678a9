#include "sqlite/wal_follower.h"

#include <array>
#include <system_error>
#include <utility>

#include "sqlite/companion_files.h"
#include "sqlite/wal_follower_state.h"

namespace holdfast::sqlite {
namespace {

constexpr int kMostTries = 5;           // when the log is reset while it is read
constexpr int kMostUnsettledLooks = 6;  // that found a header half written

}  // namespace

Look nothing_new() {
  Look look;
  look.kind = Look::Kind::kNothing;
  look.loss = Loss::kNone;
  return look;
}

std::string_view loss_name(Loss loss) {
  static constexpr std::array<std::string_view, 11> kNames{
      "none",          "not followed", "no log",        "replaced",  "index",     "overwritten",
      "count differs", "page size",    "unlogged page", "too large", "unreadable"};
  return kNames.at(static_cast<std::size_t>(loss));
}

// ---- Where the log is ----

bool WalFollower::State::begin() {
  following = between_logs = false;
  unsettled_looks = 0;
  complete_file.reset();
  deletion_event.reset();
  files.close();
  std::error_code failed;
  resolved = std::filesystem::canonical(path, failed);
  if (failed) return false;
  const auto file = FileState::of(resolved);
  if (!file) return false;
  identity = file->identity;
  file_at_begin = *file;
  known = {};
  const auto opening = files.open(resolved);
  if (opening == LogFiles::Opening::kNone) return begin_between_logs(*file);
  if (opening != LogFiles::Opening::kOpened) return false;
  const auto index = read_index();
  if (!index || !is_in_place()) {
    files.close();
    return false;
  }
  keep(*index);
  following = true;
  return true;
}

bool WalFollower::State::reopen() {
  const FileState::Identity index = resting_index, log = resting_log;
  return files.open(resolved) == LogFiles::Opening::kOpened && files.index_identity() == index &&
         files.log_identity() == log;
}

std::optional<IndexState> WalFollower::State::read_index() {
  const auto file = index_file();
  note_events();
  around = {
      .holder = files.holder(), .index_changed = file ? file->changed : 0, .events = events_asked};
  return files.index();
}

std::optional<FileState> WalFollower::State::index_file() const {
  return FileState::of(shm_path(resolved));
}

bool WalFollower::State::is_in_place() {
  const auto at_path = index_file();
  const bool in_place = at_path && at_path->identity == files.index_identity();
  if (in_place) events_in_place = events_asked;
  return in_place;
}

void WalFollower::State::rest() noexcept {
  if (!files.is_open()) return;
  if (between_logs) return files.close();
  resting_index = files.index_identity();
  resting_log = files.log_identity();
  complete_file.reset();
  deletion_event.reset();
  // In this order: a log that is in place after its index was read is the one that is written.
  const auto file = FileState::of(path);
  const auto index = files.index();
  if (following && file && file->is_settled() && index && is_known(index->header) &&
      index->backfilled >= index->header.last_frame() && is_in_place()) {
    complete_file = file;
  }
  files.close();
}

// ---- What is known ----

bool WalFollower::State::is_known(const WalIndexHeader& header) const {
  const LogPlace end = end_of(header);
  return end.salts == known.place.salts && end.frame == known.place.frame &&
         (end.frame == 0 || end.checksum == known.place.checksum);
}

void WalFollower::State::keep(const IndexState& index) {
  const WalIndexHeader& header = index.header;
  known.place = end_of(header);
  if (header.page_size() != 0) known.geometry = {header.page_size(), header.page_count()};
  known.changes = header.changes();
  known.around = around;
  seen = header;
  if (const auto state = files.log_state()) log_modified = state->modified;
  keep_file(index);
}

void WalFollower::State::keep_file(const IndexState& index) {
  if (const auto file = FileState::of(path)) written = WrittenBack::of(index, *file);
}

// While a log has never been written, its index says nothing about the database.
PageNumber WalFollower::State::known_pages(std::uint32_t page_size) const {
  if (known.geometry.page_size != 0) return known.geometry.page_count;
  return static_cast<PageNumber>(file_at_begin.size / page_size);
}

Look WalFollower::State::lose(Loss loss, std::string detail) {
  following = between_logs = false;
  files.close();
  Look look;
  look.loss = loss;
  look.detail = std::move(detail);
  return look;
}

// After a crash nobody can tell whether what wrote to the file was a checkpoint.
Look WalFollower::State::lose_rebuilt() {
  return lose(Loss::kIndex, "the index was made anew, and the database file written to");
}

// A state that could not be read is no loss while the index moves on: there is a newer one by then.
WalFollower::State::Answer WalFollower::State::broken(const IndexState& index, Loss loss,
                                                      std::string detail) {
  const auto now = files.index();
  if (!now || now->header != index.header) return std::nullopt;
  return lose(loss, std::move(detail));
}

WalFollower::State::Answer WalFollower::State::unsettled() {
  if (++unsettled_looks < kMostUnsettledLooks) return nothing_new();
  return lose(Loss::kIndex, "the header of the index stays unfinished");
}

// ---- Looking ----

Look WalFollower::State::look(std::size_t most_bytes) {
  if (!following) {
    Look look;
    look.detail = "nothing is followed";
    return look;
  }
  for (int i = 0; i < kMostTries; ++i) {
    if (auto answer = try_look(most_bytes)) return *std::move(answer);
  }
  return lose(Loss::kIndex, "the log is reset faster than it can be read");
}

WalFollower::State::Answer WalFollower::State::try_look(std::size_t most_bytes) {
  const auto file = FileState::of(path);
  if (!file) return lose(Loss::kReplaced, "there is no database any more");
  if (file->identity != identity) return lose(Loss::kReplaced, "another database is at the path");
  if (!files.is_open() && !between_logs && !reopen()) {
    if (!complete_file) {
      return lose(Loss::kNoLog, "the log was deleted while it was not looked at");
    }
    files.close();
    between_logs = true;
  }
  if (between_logs) return look_between_logs(*file, most_bytes);
  const auto index = read_index();
  if (!index) return unsettled();
  unsettled_looks = 0;
  if (written.is_changed_by_others(*file, *index)) {
    return lose(Loss::kReplaced, "something else than SQLite wrote to the database file");
  }
  if (is_known(index->header)) return look_without_news(*index, *file);
  return read_commits(*index, most_bytes);
}

WalFollower::State::Answer WalFollower::State::look_without_news(const IndexState& index,
                                                                 const FileState& file) {
  if (!is_in_place()) return look_after_deletion(index);
  const auto log = files.log_state();
  if (!log) return lose(Loss::kUnreadable, "the log cannot be looked at");
  if (known.place.salts == 0 && file != file_at_begin) {
    // A log that was never written looks like one that was emptied by a crash.
    return lose(Loss::kIndex, "the database was written to while its log was empty");
  }
  if (log->modified != log_modified && log->size > 0 && files.holder() == 0 &&
      files.index() == index) {
    // Somebody who keeps an index in memory of its own (locking_mode=EXCLUSIVE) leaves the shared
    // one as it found it.
    return lose(Loss::kIndex, "the log is written by nobody who shares its index");
  }
  if (index.header != seen) {
    if (written.is_changed(file)) return lose_rebuilt();
    keep(index);
  } else if (written.is_changed(file)) {
    keep_file(index);
  }
  return nothing_new();
}

WalFollower::WalFollower(std::filesystem::path path)
    : state_(std::make_unique<State>(std::move(path))) {}
WalFollower::~WalFollower() = default;

bool WalFollower::begin() { return state_->begin(); }
Look WalFollower::look(std::size_t most_bytes) { return state_->look(most_bytes); }
bool WalFollower::is_newest() { return state_->is_newest(); }
bool WalFollower::is_following() const { return state_->following; }
bool WalFollower::is_between_logs() const { return state_->following && state_->between_logs; }
void WalFollower::distrust_times() { state_->times_count = false; }
void WalFollower::set_witness(Witness witness) { state_->witness = std::move(witness); }
void WalFollower::rest() noexcept { state_->rest(); }

}  // namespace holdfast::sqlite
