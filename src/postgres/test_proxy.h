// Stands between a client and a test server, and breaks the connection where a test wants it to.
#ifndef HOLDFAST_POSTGRES_TEST_PROXY_H_
#define HOLDFAST_POSTGRES_TEST_PROXY_H_

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace holdfast::postgres {

class TestProxy {
 public:
  enum class Break { kBefore, kAfter };

  explicit TestProxy(std::string server_socket) : server_socket_(std::move(server_socket)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("the proxy cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~TestProxy() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;

  std::string url(const std::string& database) const {
    return fmt::format(
        "postgres://postgres:geheim@127.0.0.1:{}/{}?sslmode=disable&gssencmode=disable", port_,
        database);
  }
  // Breaks the next connection whose client sends this: before the server sees it, or when the
  // server has answered it and the client has not seen that.
  void break_at(std::string text, Break when) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    when_ = when;
  }
  int broken() const { return broken_; }

 private:
  struct Pair {
    int client = -1, server = -1;
    bool swallow = false;  // the answer to what was waited for
  };

  // Whether it is this that is waited for; then nothing is waited for any more.
  bool is_due(std::string_view bytes, Break& when) {
    const std::lock_guard lock(mutex_);
    if (text_.empty() || bytes.find(text_) == std::string_view::npos) return false;
    text_.clear();
    when = when_;
    return true;
  }
  int connect_to_server() const {
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, server_socket_.data(), server_socket_.size());
    if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return server;
    ::close(server);
    return -1;
  }
  static bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // False: the connection is over.
  bool pass(Pair& pair, bool from_client) {
    std::array<char, 65536> buffer{};
    const auto got =
        ::recv(from_client ? pair.client : pair.server, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (!from_client) {
      if (pair.swallow) {
        ++broken_;
        return false;
      }
      return send_all(pair.client, bytes);
    }
    Break when = Break::kBefore;
    if (is_due(bytes, when)) {
      if (when == Break::kBefore) {
        ++broken_;
        return false;
      }
      pair.swallow = true;
    }
    return send_all(pair.server, bytes);
  }
  void run(const std::stop_token& stop) {
    std::vector<Pair> pairs;
    while (!stop.stop_requested()) {
      std::vector<pollfd> watched{{.fd = listener_, .events = POLLIN, .revents = 0}};
      for (const Pair& pair : pairs) {
        watched.push_back({.fd = pair.client, .events = POLLIN, .revents = 0});
        watched.push_back({.fd = pair.server, .events = POLLIN, .revents = 0});
      }
      if (::poll(watched.data(), watched.size(), 20) <= 0) continue;
      std::vector<Pair> kept;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        bool alive = true;
        if (watched[1 + 2 * i].revents != 0) alive = pass(pairs[i], true);
        if (alive && watched[2 + 2 * i].revents != 0) alive = pass(pairs[i], false);
        if (alive) {
          kept.push_back(pairs[i]);
        } else {
          ::close(pairs[i].client);
          ::close(pairs[i].server);
        }
      }
      pairs = std::move(kept);
      if ((watched[0].revents & POLLIN) != 0) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int server = connect_to_server();
        if (server < 0) {
          ::close(client);
        } else {
          pairs.push_back({.client = client, .server = server});
        }
      }
    }
    for (const Pair& pair : pairs) {
      ::close(pair.client);
      ::close(pair.server);
    }
  }

  const std::string server_socket_;
  int listener_ = -1;
  unsigned port_ = 0;
  std::mutex mutex_;
  std::string text_;
  Break when_ = Break::kBefore;
  std::atomic<int> broken_{0};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_TEST_PROXY_H_
