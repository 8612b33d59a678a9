#include "sqlite/replacement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "env/host.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/file_header.h"
#include "sqlite/page_source.h"
#include "sqlite/sqlite_error.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

using Path = std::filesystem::path;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kBetweenTries{5};
// For connections that are about to be closed, where others may stay open: those wait for nobody.
constexpr Milliseconds kForClosing{250};

Error busy(const Path& path) {
  return Error(
      ErrorCode::kDatabaseBusy,
      fmt::format("another process holds {} locked, or goes on reading an older state of it",
                  path.string()));
}

}  // namespace

void refuse_while_open(const Path& path) {
  std::string names;
  for (const env::FileUser& user : env::users_of(path)) {
    names += fmt::format("{}{} (pid {})", names.empty() ? "" : ", ", user.command, user.pid);
  }
  if (names.empty()) return;
  throw Error(ErrorCode::kDatabaseOpen, fmt::format("{} is open in {}", path.string(), names));
}

namespace {

bool has_log_or_journal(const Path& path) {
  return FileStamp::of(wal_path(path)) || FileStamp::of(shm_path(path)) ||
         journal_has_content(path);
}

class Hold : public ReplacementHold {
 public:
  enum class Log { kGone, kMerged, kAsItWas };
  Hold(Connection connection, Log log, bool left_wal)
      : connection_(std::move(connection)), log_(log), left_wal_(left_wal) {}

  bool intact() const override { return log_ == Log::kGone; }
  bool merged() const override { return log_ != Log::kAsItWas; }

  void restore_journal_mode() override {
    if (!left_wal_) return;
    connection_.execute("COMMIT");
    connection_.execute("PRAGMA journal_mode = WAL");
    connection_.checkpoint_on_close(true);
    left_wal_ = false;
  }

 private:
  Connection connection_;
  Log log_;
  bool left_wal_;
};

class HoldOfNothing : public ReplacementHold {
 public:
  explicit HoldOfNothing(bool intact) : intact_(intact) {}
  bool intact() const override { return intact_; }
  bool merged() const override { return intact_; }
  void restore_journal_mode() override {}

 private:
  bool intact_;
};

// SQLite calls no busy handler while it leaves WAL mode.
void leave_wal(const Connection& connection, Milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    try {
      connection.execute("PRAGMA journal_mode = DELETE");
      return;
    } catch (const Error& error) {
      if (!error.retryable() || std::chrono::steady_clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

// Changes with each commit of another connection.
std::int64_t data_version(const Connection& connection) {
  Statement statement(connection.get(), "PRAGMA data_version");
  statement.step();
  return statement.integer(0);
}

// Copies the log into the database file; all of it, unless a reader needs what stands there still.
bool merge_log(const Connection& connection) {
  int frames = 0, merged = 0;
  const int result = sqlite3_wal_checkpoint_v2(connection.get(), "main", SQLITE_CHECKPOINT_PASSIVE,
                                               &frames, &merged);
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) {
    throw sqlite_error(result, connection.get(), "cannot merge the write-ahead log");
  }
  return result == SQLITE_OK && frames == merged;
}

// Whoever merged the log may have been told not to sync.
void sync(const Connection& connection) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection.get(), "main", SQLITE_FCNTL_FILE_POINTER,
                       static_cast<void*>(&file));
  if (const int result = file->pMethods->xSync(file, SQLITE_SYNC_FULL); result != SQLITE_OK) {
    throw sqlite_error(result, nullptr, "cannot sync the database file");
  }
}

// An idle connection in WAL mode never lets go of its shared lock, so the log stays in use. Its
// process keeps the old files, under whatever name; its commits are held back. Were the log not
// merged, the last commits would be gone if we died between moving it aside and the rename.
std::unique_ptr<ReplacementHold> hold_beside_idle(Connection connection, const Path& path,
                                                  Milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const std::int64_t before = data_version(connection);
    if (merge_log(connection)) {
      connection.execute("BEGIN IMMEDIATE");
      if (data_version(connection) == before) {
        sync(connection);
        return std::make_unique<Hold>(std::move(connection), Hold::Log::kMerged, false);
      }
      connection.execute("ROLLBACK");
    }
    if (std::chrono::steady_clock::now() > deadline) throw busy(path);
    std::this_thread::sleep_for(kBetweenTries);
  }
}

// Plays back what a crashed process left, merges the log, and keeps everybody out.
std::unique_ptr<ReplacementHold> hold_healthy(const Path& path, bool while_open,
                                              Milliseconds timeout) {
  Connection connection(path, Access::kReadWrite, timeout);
  const bool left_wal = uses_log(connection);
  try {
    if (left_wal) leave_wal(connection, while_open ? std::min(timeout, kForClosing) : timeout);
    connection.execute("BEGIN EXCLUSIVE");
    // A transaction that has not read yet has not looked at the file's content.
    Statement(connection.get(), "PRAGMA schema_version").step();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseBusy || !while_open || !left_wal) throw;
    return hold_beside_idle(std::move(connection), path, timeout);
  }
  return std::make_unique<Hold>(std::move(connection), Hold::Log::kGone, left_wal);
}

std::unique_ptr<ReplacementHold> hold_as_it_is(const Path& path, bool while_open,
                                               Milliseconds timeout) {
  Connection connection(path, Access::kReadWrite, timeout);
  const DatabaseFile file = connection.file();
  const auto deadline =
      std::chrono::steady_clock::now() + (while_open ? std::min(timeout, kForClosing) : timeout);
  while (!file.try_lock(SQLITE_LOCK_SHARED) || !file.try_lock(SQLITE_LOCK_EXCLUSIVE)) {
    if (std::chrono::steady_clock::now() > deadline) {
      if (while_open) break;
      throw busy(path);
    }
    file.unlock(SQLITE_LOCK_NONE);
    std::this_thread::sleep_for(kBetweenTries);
  }
  return std::make_unique<Hold>(std::move(connection), Hold::Log::kAsItWas, false);
}

}  // namespace

std::unique_ptr<ReplacementHold> ReplacementHold::take(const Path& path, bool while_open,
                                                       Milliseconds busy_timeout) {
  const auto stamp = FileStamp::of(path);
  if (!stamp) return std::make_unique<HoldOfNothing>(!has_log_or_journal(path));
  if (!while_open) refuse_while_open(path);
  // SQLite deletes the log of an empty database at its first look.
  if (stamp->size == 0) return hold_as_it_is(path, while_open, busy_timeout);
  try {
    return hold_healthy(path, while_open, busy_timeout);
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::kDatabaseBusy:
        throw busy(path);
      case ErrorCode::kPermissionDenied:
      case ErrorCode::kDatabaseMissing:
      case ErrorCode::kDiskFull:
        throw;
      default:
        return hold_as_it_is(path, while_open, busy_timeout);
    }
  }
}

}  // namespace holdfast::sqlite
