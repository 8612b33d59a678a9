#include "engine/scratch_directory.h"

#include <fmt/format.h>

#include "env/randomness.h"

namespace holdfast::engine {

ScratchDirectory::ScratchDirectory(env::FileSystem& files, const std::filesystem::path& parent,
                                   const char* purpose)
    : files_(files), path_(parent / fmt::format("holdfast-{}-{}", purpose, env::random_name())) {}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path ScratchDirectory::file(const char* name) {
  files_.make_directories(path_);
  return path_ / name;
}

}  // namespace holdfast::engine
