#include "sqlite/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "sqlite/companion_files.h"
#include "sqlite/open_connections.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {
namespace {

// Behind the two headers: what is written back, five read marks, eight bytes of locks, and what a
// checkpoint set out to write back. The byte after the eight is locked by whoever has the index
// open.
constexpr std::size_t kBackfilledAt = kIndexHeadersSize, kAttemptedAt = kIndexHeadersSize + 32;
constexpr off_t kHoldersLockAt = 128;

// File systems whose shared memory ends at the machine. (Those of linux/magic.h that it names, and
// those of cifs, vboxsf and the others that it does not.)
constexpr std::array<std::uint32_t, 12> kNotShared{
    0x6969,      // NFS
    0x517b,      // SMB
    0xff534d42,  // CIFS
    0xfe534d42,  // SMB 2
    0x01021997,  // 9P
    0x65735546,  // FUSE, and with it virtiofs
    0x00c36400,  // Ceph
    0x786f4256,  // VirtualBox
    0x0bd00bd0,  // Lustre
    0x5346414f,  // AFS
    0x7461636f,  // OCFS2
    0x01161970,  // GFS2
};

bool is_shared(int descriptor) {
  struct statfs status{};
  if (::fstatfs(descriptor, &status) != 0) return false;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  return std::find(kNotShared.begin(), kNotShared.end(), type) == kNotShared.end();
}

std::int64_t nanoseconds(const struct statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::optional<FileState> state_of(int directory, const char* path, int flags) {
  struct statx status{};
  if (::statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) {
    return std::nullopt;
  }
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return FileState{
      .identity = {.device = std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor,
                   .inode = status.stx_ino,
                   .born = has_birth ? nanoseconds(status.stx_btime) : 0},
      .size = status.stx_size,
      .modified = nanoseconds(status.stx_mtime),
      .changed = nanoseconds(status.stx_ctime),
      .links = status.stx_nlink};
}

}  // namespace

std::optional<FileState> FileState::of(const std::filesystem::path& path) {
  return state_of(AT_FDCWD, path.c_str(), 0);
}

std::optional<FileState> FileState::of(int descriptor) {
  return state_of(descriptor, "", AT_EMPTY_PATH);
}

bool FileState::is_settled() const {
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return changed < std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A time that lies ahead of the clock is left as it is after the longest tick: then another change
// makes it another time all the same.
std::optional<FileState> FileState::settled(const std::filesystem::path& path) {
  const auto end = std::chrono::steady_clock::now() + kLongestTick;
  while (true) {
    const auto state = of(path);
    if (!state || state->is_settled() || std::chrono::steady_clock::now() >= end) return state;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

WrittenBack WrittenBack::of(const IndexState& index, const FileState& file) {
  return {.size = file.size,
          .modified = file.modified,
          .salts = index.header.salts(),
          .backfilled = index.backfilled,
          .attempted = index.attempted};
}

bool WrittenBack::is_changed(const FileState& file) const {
  return file.size != size || file.modified != modified;
}

// In WAL mode only a checkpoint writes to the database file. It says beforehand how far it will go,
// and afterwards how far it went.
bool WrittenBack::is_changed_by_others(const FileState& file, const IndexState& index) const {
  return is_changed(file) && index.header.salts() == salts && index.backfilled == backfilled &&
         index.backfilled == index.attempted && backfilled == attempted;
}

LogFiles& LogFiles::operator=(LogFiles&& other) noexcept {
  std::swap(index_, other.index_);
  std::swap(log_, other.log_);
  std::swap(index_identity_, other.index_identity_);
  std::swap(log_identity_, other.log_identity_);
  return *this;
}

LogFiles::Opening LogFiles::open(const std::filesystem::path& database) {
  close();
  const auto failed = [&] {
    const bool missing = errno == ENOENT;
    close();
    return missing ? Opening::kNone : Opening::kUnreadable;
  };
  index_ = ::open(shm_path(database).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (index_ < 0) return failed();
  log_ = ::open(wal_path(database).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (log_ < 0) return failed();
  const auto index = FileState::of(index_), log = FileState::of(log_);
  if (!index || !log) return failed();
  index_identity_ = index->identity;
  log_identity_ = log->identity;
  if (is_shared(index_)) return Opening::kOpened;
  close();
  return Opening::kUnshared;
}

void LogFiles::close() noexcept {
  close_when_unlocked(std::exchange(index_, -1));
  // SQLite holds no locks on the log.
  if (log_ >= 0) ::close(std::exchange(log_, -1));
}

std::optional<IndexState> LogFiles::index() const {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    std::array<std::byte, kAttemptedAt + 4> bytes{};
    if (read_some(index_, 0, bytes) == bytes.size()) {
      if (const auto header = WalIndexHeader::parse(bytes)) {
        return IndexState{.header = *header,
                          .backfilled = load<std::uint32_t>(bytes.data() + kBackfilledAt),
                          .attempted = load<std::uint32_t>(bytes.data() + kAttemptedAt)};
      }
    }
    std::this_thread::yield();
  }
  return std::nullopt;
}

pid_t LogFiles::holder() const {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kHoldersLockAt;
  lock.l_len = 1;
  if (::fcntl(index_, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : kUnknownHolder;
}

}  // namespace holdfast::sqlite
