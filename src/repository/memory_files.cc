#include "repository/memory_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <utility>

#include "env/randomness.h"

namespace holdfast::repository {
namespace {

using std::filesystem::path;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

bool is_private(const struct stat& status, mode_t type) {
  return (status.st_mode & S_IFMT) == type && status.st_uid == ::geteuid() &&
         (status.st_mode & 077) == 0;
}

// Everything is checked on the opened directory itself, so nobody can exchange it afterwards.
std::optional<Descriptor> open_directory(const path& directory) {
  Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  struct statfs system{};
  if (!opened.is_open() || ::fstat(opened.get(), &status) != 0 || !is_private(status, S_IFDIR) ||
      ::fstatfs(opened.get(), &system) != 0 || system.f_type != TMPFS_MAGIC) {
    return std::nullopt;
  }
  return opened;
}

bool is_on_tmpfs(const path& directory) {
  struct statfs system{};
  return ::statfs(directory.c_str(), &system) == 0 && system.f_type == TMPFS_MAGIC;
}

bool write_all(int file, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written <= 0) return false;
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool put_in(int directory, const std::string& name, ByteView content) {
  const std::string temporary = fmt::format(".{}.{}", name, env::random_name());
  Descriptor file(::openat(directory, temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return false;
  if (write_all(file.get(), content) &&
      ::renameat(directory, temporary.c_str(), directory, name.c_str()) == 0) {
    return true;
  }
  ::unlinkat(directory, temporary.c_str(), 0);
  return false;
}

Bytes find_in(int directory, const std::string& name, std::size_t most_bytes,
              std::chrono::seconds lifetime) {
  const Descriptor file(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !is_private(status, S_IFREG)) {
    return {};
  }
  // A time of use in the future means that the clock was set back: its age is unknown.
  const std::time_t age = std::time(nullptr) - status.st_mtime;
  if (age < 0 || age >= lifetime.count()) {
    ::unlinkat(directory, name.c_str(), 0);
    return {};
  }
  Bytes content(most_bytes + 1);
  const ssize_t size = ::read(file.get(), content.data(), content.size());
  if (size < 0 || static_cast<std::size_t>(size) > most_bytes) return {};
  content.resize(static_cast<std::size_t>(size));
  ::futimens(file.get(), nullptr);
  return content;
}

}  // namespace

MemoryFiles MemoryFiles::of_this_session() {
  std::vector<path> directories;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && path(runtime).is_absolute()) {
    directories.push_back(path(runtime) / "holdfast");
  }
  directories.push_back(fmt::format("/run/user/{}/holdfast", ::geteuid()));
  directories.push_back(fmt::format("/dev/shm/holdfast-{}", ::geteuid()));
  return MemoryFiles(std::move(directories));
}

bool MemoryFiles::put(const std::string& name, ByteView content) {
  for (const path& directory : directories_) {
    if (!is_on_tmpfs(directory.parent_path())) continue;
    ::mkdir(directory.c_str(), 0700);
    const auto opened = open_directory(directory);
    if (opened && put_in(opened->get(), name, content)) return true;
  }
  return false;
}

Bytes MemoryFiles::find(const std::string& name, std::size_t most_bytes,
                        std::chrono::seconds lifetime) {
  for (const path& directory : directories_) {
    const auto opened = open_directory(directory);
    if (!opened) continue;
    Bytes content = find_in(opened->get(), name, most_bytes, lifetime);
    if (!content.empty()) return content;
  }
  return {};
}

void MemoryFiles::remove(const std::string& name) {
  for (const path& directory : directories_) {
    const auto opened = open_directory(directory);
    if (opened) ::unlinkat(opened->get(), name.c_str(), 0);
  }
}

}  // namespace holdfast::repository
