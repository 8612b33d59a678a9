#include "sqlite/open_connections.h"

#include <unistd.h>

#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::sqlite {
namespace {

// Under the lock while descriptors are closed, so that no connection opens meanwhile.
struct Process {
  std::mutex mutex;
  std::size_t open = 0;
  std::vector<int> waiting;
};

Process& process() {
  static auto& one = *new Process;  // outlives whatever closes while the process ends
  return one;
}

}  // namespace

OpenConnection::OpenConnection() {
  Process& here = process();
  const std::scoped_lock lock(here.mutex);
  ++here.open;
}

OpenConnection::~OpenConnection() {
  if (!counted_) return;
  Process& here = process();
  const std::scoped_lock lock(here.mutex);
  if (--here.open > 0) return;
  for (const int descriptor : here.waiting) ::close(descriptor);
  here.waiting.clear();
}

OpenConnection::OpenConnection(OpenConnection&& other) noexcept
    : counted_(std::exchange(other.counted_, false)) {}

// What this one counted until now, `other` counts until it ends.
OpenConnection& OpenConnection::operator=(OpenConnection&& other) noexcept {
  std::swap(counted_, other.counted_);
  return *this;
}

void close_when_unlocked(int descriptor) noexcept {
  if (descriptor < 0) return;
  Process& here = process();
  const std::scoped_lock lock(here.mutex);
  if (here.open == 0) {
    ::close(descriptor);
  } else {
    here.waiting.push_back(descriptor);
  }
}

std::size_t open_connections() {
  Process& here = process();
  const std::scoped_lock lock(here.mutex);
  return here.open;
}

std::size_t waiting_descriptors() {
  Process& here = process();
  const std::scoped_lock lock(here.mutex);
  return here.waiting.size();
}

}  // namespace holdfast::sqlite
