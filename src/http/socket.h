// TCP sockets with deadlines.
#ifndef HOLDFAST_HTTP_SOCKET_H_
#define HOLDFAST_HTTP_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::http {

using Moment = std::chrono::steady_clock::time_point;

// Owns a descriptor.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  Socket& operator=(Socket&&) = delete;
  ~Socket();

  int descriptor() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

  enum class Read { kBytes, kEnd, kTimeout, kStopped };
  // Appends what has come in, at most `most` bytes. `stopped`, unless -1, is a descriptor whose
  // becoming readable ends the waiting.
  Read read(std::string& into, std::size_t most, Moment deadline, int stopped = -1);
  // What is there already; kTimeout: nothing.
  Read read_now(std::string& into, std::size_t most);
  // False if the other side is gone or took nothing for `patience`.
  bool write(std::string_view bytes, std::chrono::milliseconds patience);
  // Ends reading and writing, also that of another thread.
  void shut_down();

 private:
  int descriptor_;
};

// "127.0.0.1:7433", "[::1]:0", "localhost:80". Port 0 lets the system choose.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
// Throws kUsage.
ListenAddress parse_listen_address(std::string_view text);
// Whether only this machine can reach it. A name is none but for "localhost".
bool is_loopback(std::string_view host);

struct Listener {
  Socket socket;
  std::string address;  // with the port that the system chose
};
// Throws kAddressUnusable.
Listener listen_at(const ListenAddress& address);

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_SOCKET_H_
