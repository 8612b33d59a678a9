// A file for what does not fit in memory.
#ifndef HOLDFAST_ENV_SCRATCH_FILE_H_
#define HOLDFAST_ENV_SCRATCH_FILE_H_

#include <memory>

#include "env/file_system.h"

namespace holdfast::env {

// Has no name, so it is gone when it is closed, however this process ends. Stands where TMPDIR
// says, else in /var/tmp, which is on a disk where /tmp may be in memory. Throws what
// FileSystem::create() does.
std::unique_ptr<File> scratch_file(FileSystem& files = posix_file_system());

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_SCRATCH_FILE_H_
