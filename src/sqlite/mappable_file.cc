#include "sqlite/mappable_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "sqlite/open_connections.h"

namespace holdfast::sqlite {
namespace {

bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat here{}, there{};
  return ::fstat(descriptor, &here) == 0 && ::stat(path.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

}  // namespace

MappableFile::MappableFile(const std::filesystem::path& path, const DatabaseFile& opened)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0 || (is_at(descriptor_, path) && !opened.has_moved())) return;
  close_when_unlocked(std::exchange(descriptor_, -1));
}

MappableFile::~MappableFile() { close_when_unlocked(descriptor_); }

env::MappedRange MappableFile::map(std::uint64_t offset, std::uint64_t most) const {
  struct stat status{};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return {};
  const auto end = static_cast<std::uint64_t>(status.st_size);
  if (end <= offset) return {};
  return env::MappedRange::of(descriptor_, offset, std::min(most, end - offset));
}

}  // namespace holdfast::sqlite
