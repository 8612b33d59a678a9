// A place for copies that nobody else is to see.
#ifndef HOLDFAST_ENGINE_SCRATCH_DIRECTORY_H_
#define HOLDFAST_ENGINE_SCRATCH_DIRECTORY_H_

#include <filesystem>

#include "env/file_system.h"

namespace holdfast::engine {

// Made below `parent` when its first file is asked for; gone afterwards, with whatever SQLite left
// in it.
class ScratchDirectory {
 public:
  // `purpose` is one word of its name, for whoever finds what a killed process left.
  ScratchDirectory(env::FileSystem& files, const std::filesystem::path& parent,
                   const char* purpose);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::filesystem::path file(const char* name);

 private:
  env::FileSystem& files_;
  std::filesystem::path path_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_SCRATCH_DIRECTORY_H_
