#include "http/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace holdfast::http {
namespace {

int milliseconds_until(Moment deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Socket::Read Socket::read_now(std::string& into, std::size_t most) {
  const std::size_t size = into.size();
  for (;;) {
    into.resize(size + most);
    const ssize_t count = ::recv(descriptor_, into.data() + size, most, MSG_DONTWAIT);
    const int failed = errno;
    into.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count > 0) return Read::kBytes;
    if (count == 0) return Read::kEnd;
    if (failed == EINTR) continue;
    return failed == EAGAIN || failed == EWOULDBLOCK ? Read::kTimeout : Read::kEnd;
  }
}

Socket::Read Socket::read(std::string& into, std::size_t most, Moment deadline, int stopped) {
  for (;;) {
    if (const Read found = read_now(into, most); found != Read::kTimeout) return found;
    std::array<pollfd, 2> waiting{{{descriptor_, POLLIN, 0}, {stopped, POLLIN, 0}}};
    const int ready = ::poll(waiting.data(), stopped < 0 ? 1 : 2, milliseconds_until(deadline));
    if (ready == 0 && std::chrono::steady_clock::now() >= deadline) return Read::kTimeout;
    if (ready > 0 && waiting[0].revents == 0 && waiting[1].revents != 0) return Read::kStopped;
  }
}

bool Socket::write(std::string_view bytes, std::chrono::milliseconds patience) {
  Moment deadline = std::chrono::steady_clock::now() + patience;
  while (!bytes.empty()) {
    const ssize_t count =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      deadline = std::chrono::steady_clock::now() + patience;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    pollfd waiting{descriptor_, POLLOUT, 0};
    if (::poll(&waiting, 1, milliseconds_until(deadline)) == 0) return false;
  }
  return true;
}

void Socket::shut_down() { ::shutdown(descriptor_, SHUT_RDWR); }

}  // namespace holdfast::http
