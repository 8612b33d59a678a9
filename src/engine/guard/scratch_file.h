// A database of one's own, gone afterwards with all that SQLite put beside it.
#ifndef HOLDFAST_ENGINE_GUARD_SCRATCH_FILE_H_
#define HOLDFAST_ENGINE_GUARD_SCRATCH_FILE_H_

#include <memory>
#include <string_view>

#include "env/file_system.h"

namespace holdfast::engine {

// In the folder of the database it is for, where there is room for one.
class ScratchFile {
 public:
  ScratchFile(env::FileSystem& files, const env::Path& database);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const env::Path& path() const { return path_; }
  env::File& file() { return *file_; }

 private:
  env::FileSystem& files_;
  env::Path path_;
  std::unique_ptr<env::File> file_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_SCRATCH_FILE_H_
