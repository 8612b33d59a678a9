#include "env/file_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace holdfast::env {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::uint32_t kMask = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kEntriesChange = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t kDirectoryGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

// What stat() tells of a file. Times have the kernel's tick: a change right after a look may leave
// the time as it was, so what was changed just before a look is looked at as if it had changed.
struct Stamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  bool uncertain = false;

  static Stamp of(const Path& path) {
    constexpr std::int64_t kTick = 50'000'000, kSecond = 1'000'000'000;
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return {};
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t age =
        (now.tv_sec - found.st_mtim.tv_sec) * kSecond + now.tv_nsec - found.st_mtim.tv_nsec;
    return {.device = found.st_dev,
            .inode = found.st_ino,
            .size = static_cast<std::uint64_t>(found.st_size),
            .seconds = found.st_mtim.tv_sec,
            .nanoseconds = found.st_mtim.tv_nsec,
            .uncertain = age >= 0 && age < kTick};
  }
  bool proves_no_change_since(const Stamp& before) const {
    return !before.uncertain && device == before.device && inode == before.inode &&
           size == before.size && seconds == before.seconds && nanoseconds == before.nanoseconds;
  }
  bool same_file(const Stamp& other) const {
    return device == other.device && inode == other.inode;
  }
};

struct Name {
  std::vector<WatchKey> keys;
  std::uint64_t recorded_since = 0;
  FileEvents events;
};

struct Directory {
  int watch = -1;  // of inotify; -1: only the safety net
  std::uint64_t unbroken_since = 0;
  Stamp stamp;
  std::unordered_map<std::string, Name> names;
  std::vector<WatchKey> entries;  // keys of add_directory()
};

struct Watched {
  Path directory;
  std::vector<std::string> names;  // in it; empty: the directory itself
  std::size_t polled = 0;          // so many of them, the first
  std::vector<Stamp> stamps;       // of each that is polled
};

class PosixFileWatch : public FileWatch {
 public:
  explicit PosixFileWatch(FileWatchOptions options)
      : options_(options), next_poll_(Steady::now() + options.poll) {
    if (options_.use_inotify) inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    waker_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waker_ < 0) {
      const int number = errno;
      if (inotify_ >= 0) ::close(inotify_);
      throw Error(ErrorCode::kIo, fmt::format("cannot watch files: {}", std::strerror(number)));
    }
  }
  ~PosixFileWatch() override {
    if (inotify_ >= 0) ::close(inotify_);
    ::close(waker_);
  }
  PosixFileWatch(const PosixFileWatch&) = delete;
  PosixFileWatch& operator=(const PosixFileWatch&) = delete;

  WatchKey add_file(const Path& path, std::vector<std::string> suffixes,
                    std::vector<std::string> unpolled) override {
    const Path real = resolved(path);
    Watched watched{.directory = real.parent_path(),
                    .names = {real.filename()},
                    .polled = 1 + suffixes.size(),
                    .stamps = {}};
    suffixes.insert(suffixes.end(), unpolled.begin(), unpolled.end());
    for (const std::string& suffix : suffixes) {
      watched.names.push_back(real.filename().native() + suffix);
    }
    return add(std::move(watched));
  }

  WatchKey add_directory(const Path& path) override {
    return add({.directory = resolved(path), .names = {}, .polled = 0, .stamps = {}});
  }

  std::optional<EventRecord> events(WatchKey key) override {
    const std::lock_guard lock(mutex_);
    read_events();
    if (!pending_.empty()) wake();  // wait() does not see any more what was read here
    const auto found = watched_.find(key);
    if (found == watched_.end()) return std::nullopt;
    const Directory& directory = directories_.at(found->second.directory);
    if (directory.watch < 0) return std::nullopt;
    EventRecord record{.now = last_event_, .unbroken_since = directory.unbroken_since, .files = {}};
    for (const std::string& name : found->second.names) {
      const Name& entry = directory.names.at(name);
      record.files.push_back(entry.events);
      record.unbroken_since = std::max(record.unbroken_since, entry.recorded_since);
    }
    return record;
  }

  void remove(WatchKey key) override {
    const std::lock_guard lock(mutex_);
    pending_.erase(key);
    const auto found = watched_.find(key);
    if (found == watched_.end()) return;
    const auto place = directories_.find(found->second.directory);
    Directory& directory = place->second;
    std::erase(directory.entries, key);
    for (const std::string& name : found->second.names) {
      const auto keys = directory.names.find(name);
      if (keys == directory.names.end()) continue;
      std::erase(keys->second.keys, key);
      if (keys->second.keys.empty()) directory.names.erase(keys);
    }
    watched_.erase(found);
    if (directory.names.empty() && directory.entries.empty()) {
      forget_watch(directory);
      directories_.erase(place);
    }
  }

  std::vector<WatchKey> wait(Duration longest, std::stop_token stop) override {
    const std::stop_callback on_stop(stop, [this] { wake(); });
    const auto end = deadline(longest);
    for (;;) {
      Steady::time_point until = end;
      {
        const std::lock_guard lock(mutex_);
        read_events();
        if (Steady::now() >= next_poll_) look_at_all();
        const bool woken = drain_waker();
        if (!pending_.empty() || woken || stop.stop_requested() || Steady::now() >= end) {
          const auto keys = std::exchange(pending_, {});
          return {keys.begin(), keys.end()};
        }
        if (!watched_.empty()) until = std::min(until, next_poll_);
      }
      sleep_until(until);
    }
  }

  void wake() override {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then a wake-up is due anyway.
    [[maybe_unused]] const auto written = ::write(waker_, &one, sizeof one);
  }

 private:
  static Path resolved(const Path& path) {
    std::error_code unresolved;
    Path real = std::filesystem::weakly_canonical(std::filesystem::absolute(path), unresolved);
    return unresolved ? std::filesystem::absolute(path) : real;
  }

  static Steady::time_point deadline(Duration longest) {
    const auto now = Steady::now();
    const auto room = std::chrono::duration_cast<Duration>(Steady::time_point::max() - now);
    return longest >= room ? Steady::time_point::max() : now + std::max(longest, Duration(0));
  }

  WatchKey add(Watched watched) {
    WatchKey key = 0;
    {
      const std::lock_guard lock(mutex_);
      key = ++last_key_;
      const auto [place, is_new] = directories_.try_emplace(watched.directory);
      Directory& directory = place->second;
      for (const std::string& name : watched.names) {
        Name& entry = directory.names[name];
        if (entry.keys.empty()) entry.recorded_since = ++last_event_;
        entry.keys.push_back(key);
      }
      if (watched.names.empty()) directory.entries.push_back(key);
      if (is_new) begin_watch(place->first, directory);
      // Only after the watch has begun: what changes in between is then seen by one or the other.
      for (std::size_t i = 0; i < watched.polled; ++i) {
        watched.stamps.push_back(Stamp::of(watched.directory / watched.names[i]));
      }
      watched_.emplace(key, std::move(watched));
      pending_.insert(key);
    }
    wake();
    return key;
  }

  void begin_watch(const Path& path, Directory& directory) {
    if (inotify_ >= 0 && directory.watch < 0) {
      directory.watch = ::inotify_add_watch(inotify_, path.c_str(), kMask);
      if (directory.watch >= 0) by_watch_.emplace(directory.watch, &directory);
      directory.unbroken_since = ++last_event_;
    }
    directory.stamp = Stamp::of(path);
  }

  // Two paths (of a bind mount) may lead to one directory, and then share a watch.
  void forget_watch(Directory& directory) {
    if (directory.watch < 0) return;
    const int watch = std::exchange(directory.watch, -1);
    std::erase_if(by_watch_, [&](const auto& entry) { return entry.second == &directory; });
    if (!by_watch_.contains(watch)) ::inotify_rm_watch(inotify_, watch);
  }

  void mark_all(const Directory& directory) {
    pending_.insert(directory.entries.begin(), directory.entries.end());
    for (const auto& [name, entry] : directory.names) {
      pending_.insert(entry.keys.begin(), entry.keys.end());
    }
  }

  void read_events() {
    if (inotify_ < 0) return;
    alignas(inotify_event) std::array<char, 16384> buffer;
    for (;;) {
      const auto got = ::read(inotify_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        on_event(event, event.len == 0 ? "" : buffer.data() + at + sizeof event);
        at += sizeof event + event.len;
      }
    }
  }

  void on_event(const inotify_event& event, const char* name) {
    ++last_event_;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      for (auto& [path, directory] : directories_) directory.unbroken_since = last_event_;
      for (const auto& [key, watched] : watched_) pending_.insert(key);
      return;
    }
    const auto [first, last] = by_watch_.equal_range(event.wd);
    std::vector<Directory*> gone;
    for (auto entry = first; entry != last; ++entry) {
      Directory& directory = *entry->second;
      if ((event.mask & kDirectoryGone) != 0) {
        gone.push_back(&directory);
        continue;
      }
      if ((event.mask & kEntriesChange) != 0) {
        pending_.insert(directory.entries.begin(), directory.entries.end());
      }
      const auto found = directory.names.find(name);
      if (found == directory.names.end()) continue;
      pending_.insert(found->second.keys.begin(), found->second.keys.end());
      FileEvents& events = found->second.events;
      if ((event.mask & IN_MODIFY) != 0) events.written = last_event_;
      if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) events.appeared = last_event_;
      if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) events.vanished = last_event_;
    }
    for (Directory* directory : gone) {
      mark_all(*directory);
      forget_watch(*directory);
    }
  }

  void look_at_all() {
    next_poll_ = Steady::now() + options_.poll;
    for (auto& [path, directory] : directories_) {
      const Stamp now = Stamp::of(path);
      const bool changed = !now.proves_no_change_since(directory.stamp);
      if (!now.same_file(directory.stamp)) {
        forget_watch(directory);
        mark_all(directory);
      }
      if (changed) pending_.insert(directory.entries.begin(), directory.entries.end());
      directory.stamp = now;
      if (directory.watch < 0 && now.inode != 0) begin_watch(path, directory);
    }
    for (auto& [key, watched] : watched_) {
      for (std::size_t i = 0; i < watched.polled; ++i) {
        const Stamp now = Stamp::of(watched.directory / watched.names[i]);
        if (!now.proves_no_change_since(watched.stamps[i])) pending_.insert(key);
        watched.stamps[i] = now;
      }
    }
  }

  bool drain_waker() {
    std::uint64_t count = 0;
    return ::read(waker_, &count, sizeof count) > 0;
  }

  void sleep_until(Steady::time_point until) {
    std::array<pollfd, 2> descriptors{pollfd{.fd = waker_, .events = POLLIN, .revents = 0},
                                      pollfd{.fd = inotify_, .events = POLLIN, .revents = 0}};
    timespec rest{};
    const bool forever = until == Steady::time_point::max();
    if (!forever) {
      const auto left =
          std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(until - Steady::now()));
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      rest = {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    }
    // A negative descriptor is passed over; a signal is only a wake-up too many.
    ::ppoll(descriptors.data(), descriptors.size(), forever ? nullptr : &rest, nullptr);
  }

  const FileWatchOptions options_;
  int inotify_ = -1, waker_ = -1;

  std::mutex mutex_;  // guards all below
  WatchKey last_key_ = 0;
  std::uint64_t last_event_ = 0;
  Steady::time_point next_poll_;
  std::map<WatchKey, Watched> watched_;
  std::map<Path, Directory> directories_;  // nodes stay where they are
  std::multimap<int, Directory*> by_watch_;
  std::set<WatchKey> pending_;
};

}  // namespace

std::unique_ptr<FileWatch> open_file_watch(FileWatchOptions options) {
  return std::make_unique<PosixFileWatch>(options);
}

}  // namespace holdfast::env
