// Small secret files that never reach a disk: 0600, in a 0700 directory of this user on tmpfs.
#ifndef HOLDFAST_REPOSITORY_MEMORY_FILES_H_
#define HOLDFAST_REPOSITORY_MEMORY_FILES_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace holdfast::repository {

// Every call fails quietly: a directory that is not on tmpfs, is somebody else's, or can be read by
// others is as good as none. Symbolic links are never followed.
class MemoryFiles {
 public:
  // The first usable of `directories` is used; their parents must exist.
  explicit MemoryFiles(std::vector<std::filesystem::path> directories)
      : directories_(std::move(directories)) {}
  // Below XDG_RUNTIME_DIR, /run/user/UID and /dev/shm.
  static MemoryFiles of_this_session();

  bool put(const std::string& name, ByteView content);
  // Empty if there is none or it was not used for `lifetime`. Finding begins its lifetime anew.
  Bytes find(const std::string& name, std::size_t most_bytes, std::chrono::seconds lifetime);
  void remove(const std::string& name);

 private:
  std::vector<std::filesystem::path> directories_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_MEMORY_FILES_H_
