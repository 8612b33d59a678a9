// Archives (.tar, .tar.gz) with database files in them.
#ifndef HOLDFAST_ENGINE_LEGACY_ARCHIVE_COPY_H_
#define HOLDFAST_ENGINE_LEGACY_ARCHIVE_COPY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct ArchiveLimits {
  std::uint64_t entries = 10'000;
  std::uint64_t bytes = std::uint64_t{1} << 30;  // of all files, whatever the archive's size …
  std::uint64_t ratio = 200;                     // … or so many times that
};

struct ArchiveMember {
  std::string name;  // as the archive has it
  env::Path file;    // what it was unpacked to
};
struct UnpackedArchive {
  std::vector<ArchiveMember> members;
  std::string damage;  // what keeps the rest from being read; empty: nothing
};

// Unpacks the regular files below `folder`, which must exist, under names of our own: nothing that
// an archive says is ever used as a path. One with an absolute path, "..", a link or a device, or
// that unpacks to more than the limits, is refused: throws kRecordInvalid. Throws kInterrupted,
// kDiskFull, kIo too.
UnpackedArchive unpack_archive(env::FileSystem& files, const env::Path& archive,
                               const env::Path& folder, const ArchiveLimits& limits,
                               Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_ARCHIVE_COPY_H_
