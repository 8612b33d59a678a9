#include "engine/guard/scratch_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "env/randomness.h"

namespace holdfast::engine {

ScratchFile::ScratchFile(env::FileSystem& files, const env::Path& database)
    : files_(files),
      path_(database.parent_path() /
            fmt::format(".{}.guarding-{}", database.filename().string(), env::random_name())),
      file_(files.create(path_)) {}

ScratchFile::~ScratchFile() {
  file_.reset();
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    try {
      const env::Path file = path_.string() + suffix;
      if (files_.status(file)) files_.remove(file);
    } catch (const Error&) {
      // It is in nobody's way.
    }
  }
}

}  // namespace holdfast::engine
