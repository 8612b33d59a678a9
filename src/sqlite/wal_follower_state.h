// What a WalFollower knows between two looks, and the steps of a look. Part of wal_follower.
#ifndef HOLDFAST_SQLITE_WAL_FOLLOWER_STATE_H_
#define HOLDFAST_SQLITE_WAL_FOLLOWER_STATE_H_

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "sqlite/committed_pages.h"
#include "sqlite/log_files.h"
#include "sqlite/wal_follower.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {

// From before an index was read: if it was made anew since, at least one of these changed.
struct Surroundings {
  pid_t holder = 0;
  std::int64_t index_changed = 0;
  std::uint64_t events = 0;  // of the witness; 0 without one
};

// A state that was answered for: everything up to here is known.
struct Mark {
  LogPlace place;
  Geometry geometry;                     // page size 0 while the log was never written
  std::optional<std::uint32_t> changes;  // of the index header; empty where it cannot be told
  Surroundings around;
};

Look nothing_new();

struct WalFollower::State {
  explicit State(std::filesystem::path at) : path(std::move(at)) {}

  bool begin();
  Look look(std::size_t most_bytes);
  bool is_newest();
  void rest() noexcept;

  // Each of these answers the look, or nothing where it has to be tried again.
  using Answer = std::optional<Look>;
  Answer try_look(std::size_t most_bytes);
  Answer look_without_news(const IndexState& index, const FileState& file);
  Answer look_after_deletion(const IndexState& index);
  Answer look_between_logs(const FileState& file, std::size_t most_bytes);

  Answer read_commits(const IndexState& index, std::size_t most_bytes);
  Answer read_same_generation(const IndexState& index, CommittedPages& pages);
  Answer read_next_generation(const IndexState& index, CommittedPages& pages);
  Answer answer(const IndexState& index, CommittedPages& pages, const LogPlace& held,
                std::uint64_t old_tail_commits);
  Answer broken(const IndexState& index, Loss loss, std::string detail);
  Answer unsettled();
  Look lose(Loss loss, std::string detail);
  Look lose_rebuilt();

  bool is_known(const WalIndexHeader& header) const;
  bool is_in_place();
  void note_events();
  std::optional<env::EventRecord> ask_witness() const;
  bool is_index_witnessed(std::uint64_t since) const;
  bool begin_between_logs(const FileState& file);
  bool is_complete_file(const std::optional<FileState>& file);
  bool is_witnessed_untouched(const FileState& file);
  std::optional<std::uint64_t> witnessed_deletion(const FileState& file) const;
  bool could_be_rebuilt() const;
  std::optional<IndexState> read_index();
  std::optional<FileState> index_file() const;
  void keep(const IndexState& index);
  void keep_file(const IndexState& index);
  PageNumber known_pages(std::uint32_t page_size) const;
  bool reopen();

  const std::filesystem::path path;
  std::filesystem::path resolved;
  FileState::Identity identity;
  FileState file_at_begin;

  bool following = false;
  LogFiles files;  // not open while resting, or between two logs
  Mark known;
  Surroundings around;            // of the index that was read last
  WalIndexHeader seen;            // the header that `known` was proved by
  std::int64_t log_modified = 0;  // when it was proved
  WrittenBack written;
  int unsettled_looks = 0;

  // Where the log ended, was written back as a whole and deleted, or could be by now: the database
  // file while it still is the known state.
  std::optional<FileState> complete_file;
  bool between_logs = false;
  FileState::Identity resting_index, resting_log;

  Witness witness;
  std::uint64_t events_asked = 0;     // the last event when the witness was asked, before …
  std::uint64_t events_in_place = 0;  // … the index was found in its place
  // The event that the log's end was proved by, where `complete_file` does not by its time.
  std::optional<std::uint64_t> deletion_event;
  bool times_prove = false;  // since a tick has passed that the witness saw out
  bool times_count = true;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WAL_FOLLOWER_STATE_H_
