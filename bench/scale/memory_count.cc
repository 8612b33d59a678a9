#include "scale/memory_count.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

// glibc's own, which the names below stand before.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace holdfast::scale {
namespace {

constexpr std::int64_t kChunkHeader = 8;  // of each allocation, in glibc

std::atomic<std::int64_t> now{0}, peak{0};

void add(std::int64_t bytes) {
  const std::int64_t held = now.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t most = peak.load(std::memory_order_relaxed);
  while (held > most && !peak.compare_exchange_weak(most, held, std::memory_order_relaxed)) {
  }
}

std::int64_t size_of(void* memory) {
  return memory == nullptr ? 0
                           : static_cast<std::int64_t>(malloc_usable_size(memory)) + kChunkHeader;
}

void* counted(void* memory) {
  add(size_of(memory));
  return memory;
}

}  // namespace

std::int64_t memory_now() { return now; }
std::int64_t memory_peak() { return peak; }
void begin_memory_peak() { peak = now.load(); }
void exclude_memory(std::int64_t bytes) { add(-bytes); }

}  // namespace holdfast::scale

extern "C" {

void* malloc(std::size_t size) { return holdfast::scale::counted(__libc_malloc(size)); }

void* calloc(std::size_t count, std::size_t size) {
  return holdfast::scale::counted(__libc_calloc(count, size));
}

void* realloc(void* old, std::size_t size) {
  const std::int64_t before = holdfast::scale::size_of(old);
  void* memory = __libc_realloc(old, size);
  if (memory != nullptr || size == 0) {
    holdfast::scale::add(holdfast::scale::size_of(memory) - before);
  }
  return memory;
}

void* memalign(std::size_t alignment, std::size_t size) {
  return holdfast::scale::counted(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  *memory = memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

void free(void* memory) {
  holdfast::scale::add(-holdfast::scale::size_of(memory));
  __libc_free(memory);
}

}  // extern "C"
