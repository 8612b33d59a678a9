#include "env/unsynced_content.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace holdfast::env {
namespace {

constexpr std::uint64_t kSector = 512;

struct stat look(int descriptor) {
  struct stat found{};
  ::fstat(descriptor, &found);
  return found;
}

Time modified_of(const struct stat& found) {
  return Time(std::chrono::seconds(found.st_mtim.tv_sec) + Duration(found.st_mtim.tv_nsec / 1000));
}

void set_attributes(int descriptor, mode_t mode, Time modified) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(modified);
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                             {.tv_sec = seconds.time_since_epoch().count(),
                              .tv_nsec = (modified - seconds).count() * 1000}};
  ::fchmod(descriptor, mode);
  ::futimens(descriptor, times);
}

void check(bool done) {
  if (!done) throw system_error(errno, "cannot simulate a power loss");
}

void write_all(int descriptor, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    check(put > 0);
    offset += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void resize(int descriptor, std::uint64_t size) {
  if (static_cast<std::uint64_t>(look(descriptor).st_size) != size) {
    check(::ftruncate(descriptor, static_cast<off_t>(size)) == 0);
  }
}

Bytes read_range(int descriptor, std::uint64_t offset, std::uint64_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(descriptor, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

UnsyncedContent::~UnsyncedContent() {
  for (const auto& [inode, log] : logs_) ::close(log.descriptor);
}

ino_t UnsyncedContent::opened(const Path& path) {
  int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw system_error(errno, fmt::format("cannot open {}", path.native()));
  }
  const ino_t inode = look(descriptor).st_ino;
  Log& log = logs_[inode];
  if (log.descriptor < 0) {
    log.descriptor = descriptor;
    log.sequence = ++sequence_;
  } else {
    ::close(descriptor);
  }
  ++log.handles;
  return inode;
}

void UnsyncedContent::closed(ino_t inode) {
  const auto log = logs_.find(inode);
  if (--log->second.handles > 0 || !log->second.changes.empty()) return;
  ::close(log->second.descriptor);
  logs_.erase(log);
}

void UnsyncedContent::will_write(ino_t inode, std::uint64_t offset, ByteView bytes) {
  Log& log = logs_.at(inode);
  const auto size = static_cast<std::uint64_t>(look(log.descriptor).st_size);
  Change change{.offset = offset, .size_before = size};
  if (offset < size) {
    const auto overwritten = std::min<std::uint64_t>(bytes.size(), size - offset);
    change.before = read_range(log.descriptor, offset, overwritten);
  }
  change.after.assign(bytes.begin(), bytes.end());
  change.size_after = std::max(size, offset + bytes.size());
  log.changes.push_back(std::move(change));
}

void UnsyncedContent::will_resize(ino_t inode, std::uint64_t size) {
  Log& log = logs_.at(inode);
  const auto size_before = static_cast<std::uint64_t>(look(log.descriptor).st_size);
  Change change{.offset = size, .size_before = size_before, .size_after = size};
  if (size < size_before) change.before = read_range(log.descriptor, size, size_before - size);
  log.changes.push_back(std::move(change));
}

void UnsyncedContent::will_set_attributes(ino_t inode) {
  Log& log = logs_.at(inode);
  const struct stat found = look(log.descriptor);
  log.changes.push_back({.attributes = true,
                         .mode_before = found.st_mode & 07777u,
                         .modified_before = modified_of(found)});
}

void UnsyncedContent::did_set_attributes(ino_t inode) {
  Log& log = logs_.at(inode);
  const struct stat found = look(log.descriptor);
  log.changes.back().mode_after = found.st_mode & 07777u;
  log.changes.back().modified_after = modified_of(found);
}

void UnsyncedContent::synced(ino_t inode) {
  const auto log = logs_.find(inode);
  if (log != logs_.end()) log->second.changes.clear();
}

void UnsyncedContent::lose(Survival survival, std::mt19937_64& random) {
  std::vector<std::pair<std::uint64_t, ino_t>> order;  // inodes differ from run to run
  for (const auto& [inode, log] : logs_) order.emplace_back(log.sequence, inode);
  std::sort(order.begin(), order.end());
  for (const auto& [sequence, inode] : order) {
    Log& log = logs_.at(inode);
    for (auto change = log.changes.rbegin(); change != log.changes.rend(); ++change) {
      undo(log, *change);
    }
    const std::size_t prefix =
        survival == Survival::kPrefix ? random() % (log.changes.size() + 1) : log.changes.size();
    for (std::size_t i = 0; i < prefix && survival != Survival::kNothing; ++i) {
      const auto fate = survival == Survival::kRandom ? random() % 3 : 1;
      if (fate > 0) redo(log, log.changes[i], fate == 2, random);
    }
    log.changes.clear();
    if (log.handles == 0) {
      ::close(log.descriptor);
      logs_.erase(inode);
    }
  }
}

void UnsyncedContent::undo(const Log& log, const Change& change) {
  if (change.attributes) {
    set_attributes(log.descriptor, change.mode_before, change.modified_before);
    return;
  }
  write_all(log.descriptor, change.offset, change.before);
  resize(log.descriptor, change.size_before);
}

// The earlier changes need not have been redone, so nothing is assumed about the file's size.
void UnsyncedContent::redo(const Log& log, const Change& change, bool torn,
                           std::mt19937_64& random) {
  if (change.attributes) {
    set_attributes(log.descriptor, change.mode_after, change.modified_after);
    return;
  }
  if (change.after.empty()) {
    resize(log.descriptor, change.size_after);
    return;
  }
  const ByteView bytes = change.after;
  if (!torn) {
    write_all(log.descriptor, change.offset, bytes);
    return;
  }
  // Devices write whole sectors, in any order. The file may have got its new size without them.
  if (random() % 2 == 0) {
    const auto size = static_cast<std::uint64_t>(look(log.descriptor).st_size);
    resize(log.descriptor, std::max(size, change.offset + bytes.size()));
  }
  const std::uint64_t step = bytes.size() > (64 << 10) ? 8 * kSector : kSector;
  for (std::uint64_t at = 0; at < bytes.size();) {
    const std::uint64_t to_boundary = step - (change.offset + at) % step;
    const auto size = std::min<std::uint64_t>(to_boundary, bytes.size() - at);
    if (random() % 2 == 0) write_all(log.descriptor, change.offset + at, bytes.subspan(at, size));
    at += size;
  }
}

}  // namespace holdfast::env
