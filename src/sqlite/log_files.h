// The log of a database and its index, opened only to be looked at.
//
// Nothing here takes a lock, maps memory or opens the database file. The descriptor of the index is
// given back through close_when_unlocked() of open_connections.h.
#ifndef HOLDFAST_SQLITE_LOG_FILES_H_
#define HOLDFAST_SQLITE_LOG_FILES_H_

#include <sys/types.h>

#include <chrono>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "sqlite/wal_index.h"

namespace holdfast::sqlite {

// What a file is and when it last changed, learnt without opening it.
struct FileState {
  // With the time of birth, because the inode of a deleted file is soon another's.
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    std::int64_t born = 0;
    bool operator==(const Identity&) const = default;
  };
  Identity identity;
  std::uint64_t size = 0;
  std::int64_t modified = 0, changed = 0;  // nanoseconds; no program can set the second one back
  std::uint64_t links = 0;
  bool operator==(const FileState&) const = default;

  // Follows symbolic links. Empty where nothing can be told.
  static std::optional<FileState> of(const std::filesystem::path& path);
  static std::optional<FileState> of(int descriptor);
  // Whether a later change is sure to show in `changed`: clocks of file systems tick coarsely.
  bool is_settled() const;
  // of(), once that is so: waits for the clock to tick, but never longer than kLongestTick.
  static constexpr std::chrono::milliseconds kLongestTick{20};
  static std::optional<FileState> settled(const std::filesystem::path& path);
};

struct IndexState {
  WalIndexHeader header;
  std::uint32_t backfilled = 0;  // frames that are in the database file
  std::uint32_t attempted = 0;   // frames that a checkpoint set out to bring there
  bool operator==(const IndexState&) const = default;
};

// The database file beside the state of its write-back, both as they were at some moment: the index
// was read first, so that a checkpoint that writes after it shows in the next one.
struct WrittenBack {
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  std::uint64_t salts = 0;
  std::uint32_t backfilled = 0, attempted = 0;

  static WrittenBack of(const IndexState& index, const FileState& file);
  bool is_changed(const FileState& file) const;
  // Whether something else than SQLite has certainly written to the file since. `file` was looked
  // at before `index`.
  bool is_changed_by_others(const FileState& file, const IndexState& index) const;
};

class LogFiles {
 public:
  enum class Opening {
    kOpened,
    kNone,      // there is no log, or no index
    kUnshared,  // on storage where other machines may write without our seeing their memory
    kUnreadable,
  };

  LogFiles() = default;
  LogFiles(LogFiles&& other) noexcept { *this = std::move(other); }
  LogFiles& operator=(LogFiles&& other) noexcept;
  ~LogFiles() { close(); }

  // `database` is a path without symbolic links.
  Opening open(const std::filesystem::path& database);
  void close() noexcept;
  bool is_open() const { return log_ >= 0; }

  // Waits a moment for a header that is just being written; empty if it stays unfinished.
  std::optional<IndexState> index() const;
  int log() const { return log_; }
  std::optional<FileState> log_state() const { return FileState::of(log_); }
  std::optional<FileState> index_state() const { return FileState::of(index_); }
  const FileState::Identity& index_identity() const { return index_identity_; }
  const FileState::Identity& log_identity() const { return log_identity_; }
  // One of the other processes that have the database open, or 0 if none has.
  static constexpr pid_t kUnknownHolder = -1;  // of another container
  pid_t holder() const;

 private:
  int index_ = -1, log_ = -1;
  FileState::Identity index_identity_, log_identity_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_LOG_FILES_H_
