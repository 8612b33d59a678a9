// Exclusive hold of a database file that is about to be replaced.
#ifndef HOLDFAST_SQLITE_REPLACEMENT_H_
#define HOLDFAST_SQLITE_REPLACEMENT_H_

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace holdfast::sqlite {

// Throws kDatabaseOpen naming the other processes that have the file open.
void refuse_while_open(const std::filesystem::path& path);

// While this object lives, no other process can read or write the database at `path` through
// SQLite, its -wal is merged into it and gone together with the -shm, so that renaming another file
// over it can never be followed by a stale log being played into the new one. Closing it after the
// rename touches nothing at `path`.
//
// No PageSource of the same database may be open in this process meanwhile: its lock would be in
// the way.
class ReplacementHold {
 public:
  // Throws kDatabaseOpen naming the processes that have it open (unless `while_open`),
  // kDatabaseBusy. With `while_open` only transactions are waited for, not connections. Where
  // intact() is false afterwards, the caller must move the -wal, -shm and -journal aside before the
  // rename:
  // - Beside an idle connection of another process the -wal stays, but is merged: the database file
  //   holds every commit without it, durably, and no more can follow.
  // - A file that SQLite cannot open, or whose journal or log it cannot play back, is held as it
  //   is.
  static std::unique_ptr<ReplacementHold> take(const std::filesystem::path& path, bool while_open,
                                               std::chrono::milliseconds busy_timeout);
  virtual ~ReplacementHold() = default;
  virtual bool intact() const = 0;
  // Whether the database file is complete without the files beside it.
  virtual bool merged() const = 0;
  // Undoes what taking changed (the journal mode) when the replacement is given up.
  virtual void restore_journal_mode() = 0;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_REPLACEMENT_H_
