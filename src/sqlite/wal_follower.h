// Learns what was committed to a database in WAL mode, without a connection and without a lock.
//
// A look reads the wal-index header and the frames since the last look through read-only
// descriptors of its own of `-shm` and `-wal`; it never opens the database file, never maps memory,
// and never keeps anybody from checkpointing, resetting or deleting the log.
//
// What a look answers is proved:
//  - both copies of the wal-index header are equal and its checksum is right;
//  - each frame carries its generation's salts, and the running checksum of the frames ends in
//    what the header says. Within a generation of the log that is everything: frames are only
//    appended, and each checksum covers all frames before it;
//  - after a reset, the commits read, without what may be padding, are as many as the header's
//    change counter (iChange) advanced. The old generation's tail, which still stands in the file
//    behind the new frames, or in a file deleted meanwhile whose descriptor is still open, is read
//    first. The counter begins again where an index is made anew after a crash: where that could
//    be, it proves nothing (a witness sees that it was not);
//  - after the last connection wrote the log back and deleted it, the database file has not changed
//    since. A new log beside that very file goes on from there. The times of files tell this where
//    the clock of the file system has ticked in between; within a tick a witness does, who saw in
//    which order the file was written and the index deleted (FileWatch, told by the kernel).
// Otherwise it answers kLost, and the caller finds out by reading the database (a scan).
//
// A log that is reset faster than it is looked at (checkpoints after each commit, at full speed) is
// lost again and again: the caller has to space its scans.
//
// The POSIX rule that binds the caller: closing any descriptor of a file drops all locks that this
// process holds on it, SQLite's on `-shm` too. So descriptors of `-shm` are only ever closed
// through close_when_unlocked() of open_connections.h, which waits until no connection is open in
// this process.
//
// Thread safety: by one thread at a time. Errors of reading are kLost, not exceptions.
#ifndef HOLDFAST_SQLITE_WAL_FOLLOWER_H_
#define HOLDFAST_SQLITE_WAL_FOLLOWER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "env/file_watch.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

enum class Loss {
  kNone,
  kNotFollowed,   // begin() was not called, or answered false, or an earlier loss was not repaired
  kNoLog,         // there is no log any more, and the database file is not as it was
  kReplaced,      // another file is at the path, or something else than SQLite wrote to it
  kIndex,         // the wal-index is not shared with us, was rebuilt, or never came to rest
  kOverwritten,   // frames that were needed are gone
  kCountDiffers,  // more commits happened than can be read
  kPageSize,      // it changed
  kUnloggedPage,  // the database grew by a page that stands in no frame (the lock page is no loss)
  kTooLarge,      // one single commit is larger than the caller takes
  kUnreadable,    // a file cannot be opened or read
};
std::string_view loss_name(Loss loss);  // "overwritten", for people, metrics and tests

struct Look {
  enum class Kind { kNothing, kCommits, kLost };
  Kind kind = Kind::kLost;
  Loss loss = Loss::kNotFollowed;  // kNone unless kLost
  std::string detail;              // one clause about a loss

  // kCommits: the state after `commits` commits since the last look. `pages` are those that any of
  // them wrote, sorted, each once, none beyond geometry.page_count, and `content` has them one
  // after the other as they are in that state. Pages beyond the page count are gone.
  std::uint64_t commits = 0;
  Geometry geometry;
  std::vector<PageNumber> pages;
  Bytes content;
  bool more = false;  // `most_bytes` was reached, or the log was deleted: look again at once
  std::uint64_t old_tail_commits = 0;  // of `commits`: read from the generation before
};

// What has happened to the database, its log and its index, in this order, up to now. Empty where
// nobody saw it.
using Witness = std::function<std::optional<env::EventRecord>()>;

class WalFollower {
 public:
  // Opens nothing yet. Symbolic links of `path` are followed at each begin().
  explicit WalFollower(std::filesystem::path path);
  ~WalFollower();
  // Asked during looks, from begin() on. Without one, the times of the files decide alone.
  void set_witness(Witness witness);
  // As if the clock of the file system stood still: only the witness decides. For tests.
  void distrust_times();
  WalFollower(const WalFollower&) = delete;
  WalFollower& operator=(const WalFollower&) = delete;

  // Follows from the newest committed state on: the next look() answers what was committed after
  // this call. False if there is no log to follow: not in WAL mode, nobody has it open (and there
  // is no witness to wait for the next log with), the wal-index cannot be read, or stands on
  // storage that other machines may write to (their memory is not ours). So whoever begins first,
  // and then reads the whole database, and looks on without a loss in between, has missed nothing.
  bool begin();

  // What was committed since begin() or the last look, up to a commit boundary within about
  // `most_bytes` of content. After kLost nothing is followed until begin().
  Look look(std::size_t most_bytes);

  // A cheap test, one read of the index header at most: whether look() would answer kNothing.
  bool is_newest();
  bool is_following() const;
  // The log was deleted, and the next one has not been found yet: it may be gone soon.
  bool is_between_logs() const;

  // Lets go of the descriptors without forgetting the state; the next look opens them again and
  // proves that they are the same files. For databases that are idle, so that a thousand of them
  // need no two thousand descriptors.
  void rest() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WAL_FOLLOWER_H_
