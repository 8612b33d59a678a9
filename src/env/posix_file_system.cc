#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "base/error.h"
#include "env/file_system.h"

namespace holdfast::env {
namespace {

// Calls again while a signal interrupts; the result is -1 with errno for every other failure.
template <typename Call>
auto retried(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

[[noreturn]] void fail(std::string_view doing, const Path& path) {
  const int number = errno;
  throw system_error(number, fmt::format("cannot {} {}", doing, path.native()));
}

Time time_of(const timespec& moment) {
  return Time(std::chrono::seconds(moment.tv_sec) + Duration(moment.tv_nsec / 1000));
}

FileStatus status_from(const struct stat& found) {
  return {.size = static_cast<std::uint64_t>(found.st_size),
          .modified = time_of(found.st_mtim),
          .directory = S_ISDIR(found.st_mode),
          .mode = found.st_mode & 07777u,
          .identity = found.st_ino,
          .changed = time_of(found.st_ctim)};
}

constexpr std::size_t kDirectUnit = 4096;
constexpr std::size_t kLeastDirect = 256u << 10;
constexpr std::size_t kBounceSize = 1u << 20;

class PosixFile : public File {
 public:
  PosixFile(int descriptor, Path path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override {
    ::close(descriptor_);
    if (direct_ >= 0) ::close(direct_);
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  std::size_t read_at(std::uint64_t offset, MutableByteView out) override {
    std::size_t done = direct_ >= 0 && out.size() >= kLeastDirect ? read_direct(offset, out) : 0;
    while (done < out.size()) {
      const auto got = retried([&] {
        return ::pread(descriptor_, out.data() + done, out.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (got < 0) fail("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  void bypass_cache() override {
    if (direct_ >= 0) return;
    const int mode = ::fcntl(descriptor_, F_GETFL) & O_ACCMODE;
    // Through the descriptor, not the path: another file may stand there by now.
    direct_ =
        ::open(fmt::format("/proc/self/fd/{}", descriptor_).c_str(), mode | O_DIRECT | O_CLOEXEC);
  }

  void write_at(std::uint64_t offset, ByteView bytes) override {
    if (direct_ >= 0 && offset % kDirectUnit == 0 && bytes.size() >= kLeastDirect) {
      const std::size_t done = write_direct(offset, bytes);
      offset += done;
      bytes = bytes.subspan(done);
    }
    while (!bytes.empty()) {
      const auto put = retried([&] {
        return ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (put < 0) fail("write", path_);
      offset += static_cast<std::uint64_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }

  void allocate(std::uint64_t size) override {
    if (size == 0) return;
    if (retried([&] { return ::fallocate(descriptor_, 0, 0, static_cast<off_t>(size)); }) == 0) {
      return;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) {
      if (this->size() < size) truncate(size);
      return;
    }
    fail("reserve space for", path_);
  }

  void truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
      fail("set the size of", path_);
    }
  }

  void start_writeback(std::uint64_t offset, std::uint64_t size) override {
    ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                      SYNC_FILE_RANGE_WRITE);
  }

  void sync() override {
    // Not again after EINTR or any other failure: a second fsync reports success for pages that the
    // first one failed to write and dropped.
    if (::fsync(descriptor_) != 0) fail("sync", path_);
  }

  std::uint64_t size() override {
    struct stat found{};
    if (::fstat(descriptor_, &found) != 0) fail("look at", path_);
    return static_cast<std::uint64_t>(found.st_size);
  }

  bool is_ours_alone() override {
    struct stat found{};
    if (direct_ >= 0 || ::fstat(descriptor_, &found) != 0 || found.st_nlink != 1) return false;
    // The kernel gives a lease for writing only where nobody else has the file open. Whoever opens
    // it just now makes it send a signal, and SIGIO, the usual one, would end the process.
    if (::fcntl(descriptor_, F_SETSIG, SIGURG) != 0 ||
        ::fcntl(descriptor_, F_SETLEASE, F_WRLCK) != 0) {
      return false;
    }
    ::fcntl(descriptor_, F_SETLEASE, F_UNLCK);
    return true;
  }

 private:
  static bool is_aligned(const std::byte* memory) {
    return reinterpret_cast<std::uintptr_t>(memory) % kDirectUnit == 0;
  }

  // Memory of kBounceSize aligned bytes, a thread's own; null where there is none.
  static std::byte* bounce() {
    struct Free {
      void operator()(void* memory) const { std::free(memory); }
    };
    thread_local const std::unique_ptr<void, Free> memory(
        std::aligned_alloc(kDirectUnit, kBounceSize));
    return static_cast<std::byte*>(memory.get());
  }

  // Reads around the page cache and answers how many bytes; the end of the file and any trouble are
  // left to the ordinary way.
  std::size_t read_direct(std::uint64_t offset, MutableByteView out) {
    std::byte* const memory = bounce();
    std::size_t done = 0;
    while (memory != nullptr && done < out.size()) {
      std::byte* const to = out.data() + done;
      const std::uint64_t from = (offset + done) / kDirectUnit * kDirectUnit;
      if (const std::size_t whole = (out.size() - done) / kDirectUnit * kDirectUnit;
          whole > 0 && from == offset + done && is_aligned(to)) {
        const auto got = ::pread(direct_, to, whole, static_cast<off_t>(from));
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
        if (static_cast<std::size_t>(got) < whole) break;
        continue;
      }
      const auto skipped = static_cast<std::size_t>(offset + done - from);
      const std::size_t units = (skipped + out.size() - done + kDirectUnit - 1) / kDirectUnit;
      const std::size_t size = std::min(kBounceSize, units * kDirectUnit);
      const auto got = ::pread(direct_, memory, size, static_cast<off_t>(from));
      if (got <= static_cast<ssize_t>(skipped)) break;
      const std::size_t use = std::min(static_cast<std::size_t>(got) - skipped, out.size() - done);
      std::memcpy(to, memory + skipped, use);
      done += use;
      if (static_cast<std::size_t>(got) < size) break;
    }
    return done;
  }

  // Writes whole units around the page cache and answers how many bytes; any trouble is left to the
  // ordinary way.
  std::size_t write_direct(std::uint64_t offset, ByteView bytes) {
    const bool lies_well = is_aligned(bytes.data());
    std::byte* const memory = lies_well ? nullptr : bounce();
    std::size_t done = 0;
    while ((lies_well || memory != nullptr) && bytes.size() - done >= kDirectUnit) {
      std::size_t size = (bytes.size() - done) / kDirectUnit * kDirectUnit;
      const std::byte* from = bytes.data() + done;
      if (!lies_well) {
        size = std::min(kBounceSize, size);
        std::memcpy(memory, from, size);
        from = memory;
      }
      const auto put = ::pwrite(direct_, from, size, static_cast<off_t>(offset + done));
      if (put <= 0) break;
      done += static_cast<std::size_t>(put) / kDirectUnit * kDirectUnit;
      if (static_cast<std::size_t>(put) < size) break;
    }
    return done;
  }

  int direct_ = -1;
  const int descriptor_;
  const Path path_;
};

class PosixFileSystem : public FileSystem {
 public:
  std::unique_ptr<File> open_read(const Path& path) override {
    return open(path, O_RDONLY, "open");
  }

  std::unique_ptr<File> create(const Path& path) override {
    const int descriptor =
        retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
    if (descriptor < 0) fail("create", path);
    // A umask may have taken the owner's own bits. Where modes cannot be set, there are none to
    // protect.
    ::fchmod(descriptor, 0600);
    return std::make_unique<PosixFile>(descriptor, path);
  }

  std::unique_ptr<File> open_write(const Path& path) override {
    return open(path, O_RDWR, "open for writing");
  }

  void rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail_rename(errno, from, to);
  }

  void rename_new(const Path& from, const Path& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS) fail_rename(errno, from, to);
    // Network file systems lack the flag, but a link is exclusive everywhere.
    if (::link(from.c_str(), to.c_str()) != 0) fail_rename(errno, from, to);
    if (::unlink(from.c_str()) != 0) fail("remove", from);
  }

  void link(const Path& from, const Path& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return;
    throw system_error(errno, fmt::format("cannot link {} to {}", from.native(), to.native()));
  }

  void remove(const Path& path) override {
    if (::unlink(path.c_str()) == 0) return;
    if (errno == EISDIR || errno == EPERM) {
      const int file_error = errno;
      if (::rmdir(path.c_str()) == 0) return;
      if (errno == ENOTDIR) errno = file_error;
    }
    fail("remove", path);
  }

  void set_mode(const Path& path, unsigned mode) override {
    if (::chmod(path.c_str(), mode) != 0) fail("set the mode of", path);
  }

  void copy_owner(const Path& from, const Path& to) override {
    struct stat status{};
    if (::stat(from.c_str(), &status) != 0) fail("look at", from);
    if (::chown(to.c_str(), status.st_uid, status.st_gid) != 0 && errno != EPERM) {
      fail("set the owner of", to);
    }
  }

  void set_modified(const Path& path, Time time) override {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec times[2] = {
        {.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        {.tv_sec = seconds.time_since_epoch().count(), .tv_nsec = (time - seconds).count() * 1000}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) fail("set the time of", path);
  }

  void make_directories(const Path& path) override {
    if (::mkdir(path.c_str(), 0700) != 0) {
      const int number = errno;
      const auto existing = status(path);
      if (existing && existing->directory) return;
      if (number != ENOENT || existing || !path.has_parent_path() || path.parent_path() == path) {
        errno = number;
        fail("make directory", path);
      }
      make_directories(path.parent_path());
      if (path.filename().empty()) return;  // "a/b/" is made by its parent "a/b"
      if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("make directory", path);
    }
    ::chmod(path.c_str(), 0700);
    const Path trimmed = path.filename().empty() ? path.parent_path() : path;
    sync_directory(trimmed.has_parent_path() ? trimmed.parent_path() : Path("."));
  }

  void sync_directory(const Path& path) override {
    const int descriptor =
        retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) fail("open directory", path);
    const int failure = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    // EINVAL: this file system keeps names durable by other means, or not at all.
    if (failure != 0 && failure != EINVAL) {
      errno = failure;
      fail("sync directory", path);
    }
  }

  std::optional<FileStatus> status(const Path& path) override {
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0) return status_from(found);
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("look at", path);
  }

  std::vector<DirectoryEntry> list(const Path& path) override {
    std::vector<DirectoryEntry> entries;
    visit_entries(path, [&](int folder, const dirent& entry) {
      if (const auto found = status_in(folder, path, entry)) {
        entries.push_back({entry.d_name, *found});
      }
    });
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  std::vector<DirectoryEntry> list_names(const Path& path) override {
    std::vector<DirectoryEntry> entries;
    visit_names(path, [&](std::string_view name, bool directory) {
      entries.push_back({std::string(name), {.directory = directory}});
    });
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  void visit_names(const Path& path, const NameVisitor& visit) override {
    visit_entries(path, [&](int folder, const dirent& entry) {
      if (tells_kind(entry)) {
        visit(entry.d_name, entry.d_type == DT_DIR);
      } else if (const auto found = status_in(folder, path, entry)) {
        visit(entry.d_name, found->directory);
      }
    });
  }

  std::uint64_t free_space(const Path& path) override {
    struct statvfs found{};
    if (retried([&] { return ::statvfs(path.c_str(), &found); }) != 0) fail("look at", path);
    return std::uint64_t{found.f_bavail} * found.f_frsize;
  }

 private:
  // Calls `visit(folder, entry)` for each but "." and "..".
  template <typename Visit>
  static void visit_entries(const Path& path, const Visit& visit) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
    if (!folder) fail("list", path);
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder.get());
      if (entry == nullptr) {
        if (errno != 0) fail("list", path);
        return;
      }
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") visit(::dirfd(folder.get()), *entry);
    }
  }
  static bool tells_kind(const dirent& entry) {
    return entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK;
  }
  // Empty for what has vanished.
  static std::optional<FileStatus> status_in(int folder, const Path& path, const dirent& entry) {
    struct stat found{};
    if (::fstatat(folder, entry.d_name, &found, 0) == 0) return status_from(found);
    if (errno != ENOENT) fail("look at", path / entry.d_name);
    return std::nullopt;
  }

  static std::unique_ptr<File> open(const Path& path, int flags, std::string_view doing) {
    const int descriptor = retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC); });
    if (descriptor < 0) fail(doing, path);
    return std::make_unique<PosixFile>(descriptor, path);
  }

  [[noreturn]] static void fail_rename(int number, const Path& from, const Path& to) {
    throw system_error(number, fmt::format("cannot rename {} to {}", from.native(), to.native()));
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace holdfast::env
