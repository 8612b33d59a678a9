#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 128;

Error unusable(std::string_view where, std::string_view why) {
  return Error(ErrorCode::kAddressUnusable, fmt::format("cannot listen at {}: {}", where, why));
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(),
                port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  const bool v6 = address.ss_family == AF_INET6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", port.data());
}

sockaddr_un unix_address(const std::filesystem::path& path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    throw unusable(text, fmt::format("its path is longer than the {} bytes that a socket's may be",
                                     sizeof address.sun_path - 1));
  }
  path.native().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  return address;
}

Socket listen_at_port(const ListenAddress& address) {
  const std::string text = fmt::format("{} port {}", address.host, address.port);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
  if (failed != 0) throw unusable(text, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  if (!socket ||
      ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.descriptor(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.descriptor(), kBacklog) != 0) {
    throw unusable(text, std::strerror(errno));
  }
  // Accepted connections inherit it. What models the path (bbr) costs more here than the path does;
  // where it is not to be had nothing is lost.
  constexpr std::string_view kSimplest = "reno";
  if (is_loopback(address.host)) {
    ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_CONGESTION, kSimplest.data(),
                 kSimplest.size());
  }
  return socket;
}

// Removes the socket that a server which was killed has left there, and nothing else.
void remove_left_behind(const std::filesystem::path& path, const sockaddr_un& address,
                        std::string_view text) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) return;
  if (!S_ISSOCK(there.st_mode)) throw unusable(text, "a file that is no socket is there");
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0 ||
      errno == EAGAIN) {
    throw unusable(text, "another server listens there");
  }
  if (errno != ECONNREFUSED || ::unlink(path.c_str()) != 0) {
    throw unusable(text, std::strerror(errno));
  }
}

Socket listen_at_path(const std::filesystem::path& path, std::string_view text) {
  const sockaddr_un address = unix_address(path, text);
  // Of two that start at one moment, the second must not remove the socket of the first.
  const Socket folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::flock(folder.descriptor(), LOCK_EX) != 0) {
    throw unusable(text, std::strerror(errno));
  }
  remove_left_behind(path, address, text);
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Before there is a file: nobody else can ever open it.
  if (!socket || ::fchmod(socket.descriptor(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
          0 ||
      ::listen(socket.descriptor(), kBacklog) != 0) {
    throw unusable(text, std::strerror(errno));
  }
  return socket;
}

}  // namespace

bool ListenAddress::is_local() const { return !path.empty() || is_loopback(host); }

ListenAddress parse_listen_address(std::string_view text) {
  const auto wrong = [&] {
    return Error(ErrorCode::kUsage, fmt::format("\"{}\" is no address to listen at", text), {},
                 "Say ADDRESS:PORT, such as 127.0.0.1:7433 or [::1]:7433, or unix:PATH.");
  };
  if (text.starts_with(kUnix)) {
    text.remove_prefix(kUnix.size());
    if (text.empty()) throw wrong();
    return {.host = {}, .port = 0, .path = std::filesystem::absolute(text)};
  }
  const auto colon = text.rfind(':');
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

Listener::Listener(const ListenAddress& address)
    : path_(address.path),
      socket_(path_.empty() ? listen_at_port(address)
                            : listen_at_path(path_, fmt::format("{}{}", kUnix, path_.string()))) {
  if (path_.empty()) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(socket_.descriptor(), reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = address_text(bound, size);
    return;
  }
  address_ = fmt::format("{}{}", kUnix, path_.string());
  struct stat made{};
  if (::lstat(path_.c_str(), &made) != 0) throw unusable(address_, std::strerror(errno));
  device_ = made.st_dev;
  inode_ = made.st_ino;
}

Listener::~Listener() {
  struct stat there{};
  if (path_.empty() || ::lstat(path_.c_str(), &there) != 0) return;
  if (there.st_dev == device_ && there.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace holdfast::http
