#include "http/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace holdfast::http {
namespace {

int milliseconds_until(Moment deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  const bool v6 = address.ss_family == AF_INET6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", port.data());
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

ListenAddress parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto wrong = [&] {
    return Error(ErrorCode::kUsage, fmt::format("\"{}\" is no address to listen at", text), {},
                 "Say ADDRESS:PORT, such as 127.0.0.1:7433 or [::1]:7433.");
  };
  if (colon == std::string_view::npos) throw wrong();
  ListenAddress address;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [parsed, failed] = std::from_chars(port.data(), end, address.port);
  if (port.empty() || parsed != end || failed != std::errc()) throw wrong();
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    throw wrong();
  }
  if (host.empty()) throw wrong();
  address.host = host;
  return address;
}

bool is_loopback(std::string_view host) {
  const std::string text(host);
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return text == "localhost";
}

Listener listen_at(const ListenAddress& address) {
  const auto unusable = [&](std::string_view why) {
    return Error(ErrorCode::kAddressUnusable,
                 fmt::format("cannot listen at {} port {}: {}", address.host, address.port, why));
  };
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
  if (failed != 0) throw unusable(::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  constexpr int kBacklog = 128;
  if (!socket ||
      ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.descriptor(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.descriptor(), kBacklog) != 0) {
    throw unusable(std::strerror(errno));
  }
  // Accepted connections inherit it. What models the path (bbr) costs more here than the path does;
  // where it is not to be had nothing is lost.
  constexpr std::string_view kSimplest = "reno";
  if (is_loopback(address.host)) {
    ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_CONGESTION, kSimplest.data(),
                 kSimplest.size());
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&bound), &size);
  return {.socket = std::move(socket), .address = address_text(bound, size)};
}

}  // namespace holdfast::http
