// An HTTP/1.1 server for a bounded number of clients: one thread for all whose requests are small
// and answered together, and one for each of the others.
#ifndef HOLDFAST_HTTP_SERVER_H_
#define HOLDFAST_HTTP_SERVER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "http/listener.h"
#include "http/reception.h"
#include "http/request.h"
#include "http/response.h"
#include "http/socket.h"

namespace holdfast::http {

struct ServerLimits {
  std::size_t connections = 256;
  std::size_t head_bytes = 16 * 1024;            // request line and headers
  std::uint64_t body_bytes = 64'000'000;         // of one request
  std::uint64_t all_body_bytes = 256'000'000;    // of all that are read or answered at one time
  std::chrono::milliseconds head_time{10'000};   // from its first byte to its last
  std::chrono::milliseconds idle_time{60'000};   // between two requests
  std::chrono::milliseconds quiet_time{20'000};  // a body that stops coming, an answer nobody reads
  std::uint64_t slowest_body = 16 * 1024;        // bytes a second, or it is too slow
  std::chrono::milliseconds last_time{10'000};   // for what is under way when the server ends
};

// The first two are called by many threads at once, the others by one. What they throw becomes an
// answer.
struct Handler {
  // What is answered before the body of a request is read; empty: it may be read.
  std::function<std::optional<Response>(const Request& head)> refuse;
  std::function<Response(const Request& request)> answer;
  // Whether a request, which would not be refused, is one for answer_together(). Empty: none is.
  std::function<bool(const Request& request)> is_brief = {};
  // Of all clients that asked at one moment. It must not wait unless it could step aside: what
  // takes time is done elsewhere.
  std::function<void(std::vector<Asked> asked, const StepAside& step_aside)> answer_together = {};
};

// Thread safe: connections().
class Server {
 public:
  // Listens at once; throws kAddressUnusable.
  Server(const ListenAddress& address, ServerLimits limits, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::string& address() const { return listener_.address(); }
  // Until `stop` is requested. Then nobody new is let in, and what is under way is answered.
  void serve(std::stop_token stop);
  std::size_t connections() const { return connected_; }

 private:
  struct Connection {
    Connection(Socket s, std::string r) : socket(std::move(s)), received(std::move(r)) {}
    Socket socket;
    std::string received;
    std::atomic<bool> done{false};
    std::jthread thread;  // last: it uses the others
  };

  void attend(const std::stop_token& stop);
  void accept_one();
  void give_thread(Socket socket, std::string received);
  void reap();
  void finish();
  void converse(Connection& connection);

  Listener listener_;
  ServerLimits limits_;
  Handler handler_;
  Socket stopping_;  // an eventfd
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::uint64_t> body_bytes_{0};
  std::mutex turn_;                    // at the door and the reception; guards the next two
  std::list<Connection> connections_;  // those with a thread
  std::optional<Reception> reception_;
  std::atomic<int> waiting_{0};  // for their turn
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_SERVER_H_
