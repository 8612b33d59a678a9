// The writes to files that a power loss may still take back, and the means to do so.
#ifndef HOLDFAST_ENV_UNSYNCED_CONTENT_H_
#define HOLDFAST_ENV_UNSYNCED_CONTENT_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "env/file_system.h"
#include "env/unsynced_names.h"

namespace holdfast::env {

// An undo and redo log for each file, emptied when the file is synced. Files are known by their
// inode, so renames do not matter; the log keeps the file open, so that its inode is not used
// again. Not thread safe. Each change is announced before it is made.
class UnsyncedContent {
 public:
  UnsyncedContent() = default;
  ~UnsyncedContent();
  UnsyncedContent(const UnsyncedContent&) = delete;
  UnsyncedContent& operator=(const UnsyncedContent&) = delete;

  // For writing or setting attributes. Returns the inode. Each call needs its closed().
  ino_t opened(const Path& path);
  void closed(ino_t inode);

  void will_write(ino_t inode, std::uint64_t offset, ByteView bytes);
  void will_resize(ino_t inode, std::uint64_t size);
  void will_set_attributes(ino_t inode);  // mode and time
  void did_set_attributes(ino_t inode);

  void synced(ino_t inode);

  // Takes changes back in the real files. Of a write that is kept, single sectors may be lost.
  // Afterwards nothing is unsynced.
  void lose(Survival survival, std::mt19937_64& random);

 private:
  struct Change {
    std::uint64_t offset = 0;
    Bytes before{}, after{};
    std::uint64_t size_before = 0, size_after = 0;
    bool attributes = false;
    mode_t mode_before = 0, mode_after = 0;
    Time modified_before{}, modified_after{};
  };
  struct Log {
    int descriptor = -1;
    int handles = 0;
    std::uint64_t sequence = 0;
    std::vector<Change> changes;
  };
  static void undo(const Log& log, const Change& change);
  static void redo(const Log& log, const Change& change, bool torn, std::mt19937_64& random);

  std::map<ino_t, Log> logs_;
  std::uint64_t sequence_ = 0;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_UNSYNCED_CONTENT_H_
