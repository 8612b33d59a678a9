// Where a server listens: a port, or a Unix socket.
#ifndef HOLDFAST_HTTP_LISTENER_H_
#define HOLDFAST_HTTP_LISTENER_H_

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "http/socket.h"

namespace holdfast::http {

// "127.0.0.1:7433", "[::1]:0", "localhost:80"; port 0 lets the system choose. Or
// "unix:/run/holdfast.sock".
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  std::filesystem::path path;  // of a Unix socket; otherwise empty

  // Whether only this machine can reach it.
  bool is_local() const;
};
// Throws kUsage.
ListenAddress parse_listen_address(std::string_view text);
// Whether this machine is meant. A name never is but for "localhost".
bool is_loopback(std::string_view host);

// A Unix socket is for its owner alone (0600), and removed at the end; one that a server has left
// behind is replaced.
class Listener {
 public:
  // Throws kAddressUnusable.
  explicit Listener(const ListenAddress& address);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int descriptor() const { return socket_.descriptor(); }
  // With the port that the system chose; a Unix socket's is "unix:" and its absolute path.
  const std::string& address() const { return address_; }

 private:
  std::filesystem::path path_;  // empty: a port
  Socket socket_;
  std::string address_;
  dev_t device_ = 0;  // of the file at `path_`
  ino_t inode_ = 0;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_LISTENER_H_
