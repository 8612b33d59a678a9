#include "env/temporary_directory.h"

#include <unistd.h>

#include <filesystem>

#include "env/randomness.h"

namespace holdfast::env {
namespace {

Path parent_directory() {
  constexpr char kMemory[] = "/dev/shm";
  std::error_code error;
  if (std::filesystem::is_directory(kMemory, error) && ::access(kMemory, W_OK | X_OK) == 0) {
    return kMemory;
  }
  return std::filesystem::temp_directory_path();
}

}  // namespace

TemporaryDirectory::TemporaryDirectory()
    : path_(parent_directory() / ("holdfast-" + random_name())) {
  posix_file_system().make_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (!error) return;
  // A directory without the owner's write bit keeps its entries.
  for (std::filesystem::recursive_directory_iterator at(path_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (at->is_directory(ignored)) {
      std::filesystem::permissions(at->path(), std::filesystem::perms::owner_all, ignored);
    }
  }
  std::filesystem::remove_all(path_, error);
}

}  // namespace holdfast::env
