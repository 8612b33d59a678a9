#include "engine/exports/export_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

namespace holdfast::engine {

ExportLock::ExportLock(std::span<const ExportTarget> targets) {
  // In one order everywhere, so that two exports never wait for each other; each folder once,
  // whatever it is called.
  std::map<std::pair<dev_t, ino_t>, int> folders;
  for (const ExportTarget& target : targets) {
    const int folder =
        ::open(target.file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) continue;
    struct stat found{};
    if (::fstat(folder, &found) != 0 ||
        !folders.emplace(std::pair(found.st_dev, found.st_ino), folder).second) {
      ::close(folder);
    }
  }
  for (const auto& [identity, folder] : folders) {
    folders_.push_back(folder);
    while (::flock(folder, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
}

ExportLock::~ExportLock() {
  for (const int folder : folders_) ::close(folder);
}

}  // namespace holdfast::engine
