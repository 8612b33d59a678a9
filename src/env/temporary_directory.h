// A directory of one's own that is gone afterwards.
#ifndef HOLDFAST_ENV_TEMPORARY_DIRECTORY_H_
#define HOLDFAST_ENV_TEMPORARY_DIRECTORY_H_

#include "env/file_system.h"

namespace holdfast::env {

// Stands in memory (/dev/shm) where the system has that, otherwise where TMPDIR says. The
// destructor removes it with everything in it, whatever the modes.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const Path& path() const { return path_; }
  Path operator/(const Path& name) const { return path_ / name; }

 private:
  Path path_;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_TEMPORARY_DIRECTORY_H_
