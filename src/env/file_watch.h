// Wakes whoever follows files as soon as they change, and now and then in case a change went
// unseen.
//
// Changes are learnt from inotify: one watch for each *directory*, however many files of it are
// watched, so that files which come, go or are replaced need no new watch. Where inotify has no
// more watches, or the file system tells nothing (a network mount), only the safety net is left:
// every `poll` each watched file's size and modification time are compared by stat(). Nothing is
// ever opened or read.
//
// Thread safety: all members may be called from several threads; wait() by one at a time.
#ifndef HOLDFAST_ENV_FILE_WATCH_H_
#define HOLDFAST_ENV_FILE_WATCH_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::env {

using WatchKey = std::uint64_t;  // never 0, never used twice by one FileWatch

// In which order things happened, which the times of files tell by the tick of a clock only. Events
// are counted over all files of a FileWatch, from 1; 0 stands for none.
struct FileEvents {
  std::uint64_t written = 0;   // the last time that content or size changed
  std::uint64_t appeared = 0;  // … that a file got this name
  std::uint64_t vanished = 0;  // … that one lost it
};
struct EventRecord {
  std::uint64_t now = 0;             // the last of all
  std::uint64_t unbroken_since = 0;  // no event was missed after this one
  std::vector<FileEvents> files;     // the file itself, then each of its suffixes
};

class FileWatch {
 public:
  virtual ~FileWatch() = default;

  // Watches the file `path` and those beside it whose names are `path` followed by one of
  // `suffixes` ("-wal", "-journal") or of `unpolled`: those for which the safety net does nothing.
  // Nothing need be there yet; a missing directory is looked for by the safety net. Symbolic links
  // are followed once, here. Reports the key once right away.
  virtual WatchKey add_file(const Path& path, std::vector<std::string> suffixes,
                            std::vector<std::string> unpolled = {}) = 0;
  // Entries of a directory appear, disappear or are renamed.
  virtual WatchKey add_directory(const Path& path) = 0;
  // Afterwards wait() does not answer this key, except in a call that is under way.
  virtual void remove(WatchKey key) = 0;

  // Of a file that is watched: what has happened up to now. A system call that has returned before
  // this is called is in it; one that is under way may be in the next. What is written through
  // another name of the file (a hard link), or through a mapping of it, is not. Empty where nothing
  // is known: then only the safety net is left.
  virtual std::optional<EventRecord> events(WatchKey key) = 0;

  // The keys that something happened to since they were last answered, each once, sorted. Returns
  // at once if there are any, else when there is one, after `longest`, or when `stop` is requested
  // or wake() was called (then the answer may be empty). Lost events (an overflowing queue) answer
  // every key.
  virtual std::vector<WatchKey> wait(Duration longest, std::stop_token stop) = 0;
  virtual void wake() = 0;
};

struct FileWatchOptions {
  Duration poll = std::chrono::seconds(2);
  bool use_inotify = true;  // false: the safety net alone, as where inotify is not to be had
};
// Throws kIo only where neither inotify nor a descriptor to wake by can be had.
std::unique_ptr<FileWatch> open_file_watch(FileWatchOptions options = {});

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_FILE_WATCH_H_
