#include "env/mapped_range.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>

namespace holdfast::env {

// What the signal handler knows of a range. Never freed, so that a handler may always look.
struct MappedRange::Watched {
  std::atomic<bool> taken{false}, lost{false};
  std::atomic<std::uintptr_t> begin{0}, end{0};  // nothing is watched while `end` is 0

  static constexpr std::size_t kMost = 256;
  static std::array<Watched, kMost>& all() {
    static std::array<Watched, kMost> ranges;
    return ranges;
  }
  static Watched* take() {
    for (Watched& range : all()) {
      if (!range.taken.exchange(true)) return &range;
    }
    return nullptr;
  }
  static void on_bus_error(int signal, siginfo_t* info, void* context);
};

namespace {

struct sigaction before;  // what was done about SIGBUS until now

// One page cache for read() and for mappings, on this machine alone.
bool is_coherent(int descriptor) {
  constexpr std::array<std::uint64_t, 5> kKnown = {
      EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC};
  struct statfs storage{};
  return ::fstatfs(descriptor, &storage) == 0 &&
         std::ranges::find(kKnown, static_cast<std::uint64_t>(storage.f_type)) != kKnown.end();
}

bool holds(int descriptor, std::uint64_t end) {
  struct stat status{};
  return ::fstat(descriptor, &status) == 0 && end <= static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

// Zeros from the page that is not there to the end of its range; then the read goes on.
void MappedRange::Watched::on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Watched& range : all()) {
    const std::uintptr_t begin = range.begin, end = range.end;
    if (at < begin || at >= end) continue;
    const std::uintptr_t page = at & ~(static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1);
    if (::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
      break;
    }
    range.lost = true;
    return;
  }
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
  ::sigaction(SIGBUS, &before, nullptr);
  ::raise(signal);  // delivered when this returns
}

MappedRange MappedRange::of(int descriptor, std::uint64_t offset, std::size_t size) {
  MappedRange range;
  if (size == 0 || !holds(descriptor, offset + size) || !is_coherent(descriptor)) return range;
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = &Watched::on_bus_error;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, &before);
  });
  Watched* watched = Watched::take();
  if (watched == nullptr) return range;
  void* memory =
      ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, static_cast<::off_t>(offset));
  if (memory == MAP_FAILED) {
    watched->taken = false;
    return range;
  }
  watched->lost = false;
  watched->begin = reinterpret_cast<std::uintptr_t>(memory);
  watched->end = reinterpret_cast<std::uintptr_t>(memory) + size;
  range.memory_ = static_cast<const std::byte*>(memory);
  range.size_ = size;
  range.watched_ = watched;
  return range;
}

bool MappedRange::load() const {
  void* memory = const_cast<std::byte*>(memory_);
  // Without MADV_SEQUENTIAL: with it the kernel reads single pages from the disk, whose tables cost
  // every later look a third more than those of larger folios.
  return ::madvise(memory, size_, MADV_POPULATE_READ) == 0;
}

MappedRange::~MappedRange() {
  if (watched_ == nullptr) return;
  watched_->end = 0;
  ::munmap(const_cast<std::byte*>(memory_), size_);
  watched_->taken = false;
}

MappedRange::MappedRange(MappedRange&& other) noexcept { *this = std::move(other); }

MappedRange& MappedRange::operator=(MappedRange&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  std::swap(watched_, other.watched_);
  return *this;
}

bool MappedRange::intact() const { return watched_ == nullptr || !watched_->lost; }

}  // namespace holdfast::env
