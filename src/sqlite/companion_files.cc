#include "sqlite/companion_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

}  // namespace

std::filesystem::path wal_path(const std::filesystem::path& database) {
  return with_suffix(database, "-wal");
}
std::filesystem::path shm_path(const std::filesystem::path& database) {
  return with_suffix(database, "-shm");
}
std::filesystem::path journal_path(const std::filesystem::path& database) {
  return with_suffix(database, "-journal");
}
std::filesystem::path own_tables_path(const std::filesystem::path& database) {
  return with_suffix(database, ".holdfast");
}

std::optional<FileStamp> FileStamp::of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_error(errno, fmt::format("cannot look at {}", path.string()));
  }
  return FileStamp{
      .size = static_cast<std::uint64_t>(status.st_size),
      .inode = status.st_ino,
      .device = status.st_dev,
      .modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

bool journal_has_content(const std::filesystem::path& database) {
  // SQLite ends a transaction by deleting the journal, cutting it to nothing, or zeroing its first
  // bytes.
  std::ifstream journal(journal_path(database), std::ios::binary);
  const int first = journal.get();
  return first != std::ifstream::traits_type::eof() && first != 0;
}

bool is_writable(const std::filesystem::path& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

}  // namespace holdfast::sqlite
