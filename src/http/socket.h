// Connections with deadlines.
#ifndef HOLDFAST_HTTP_SOCKET_H_
#define HOLDFAST_HTTP_SOCKET_H_

#include <chrono>
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

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_SOCKET_H_
