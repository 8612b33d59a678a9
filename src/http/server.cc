#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "http/conversation.h"

namespace holdfast::http {
namespace {

constexpr int kLookAroundMilliseconds = 1000;
constexpr std::chrono::milliseconds kRefusalPatience{100};

}  // namespace

Server::Server(const ListenAddress& address, ServerLimits limits, Handler handler)
    : listener_(listen_at(address)),
      limits_(limits),
      handler_(std::move(handler)),
      stopping_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stopping_) throw system_error(errno, "cannot make an event");
}

Server::~Server() { finish(); }

void Server::serve(std::stop_token stop) {
  const std::stop_callback wake(stop, [&] { ::eventfd_write(stopping_.descriptor(), 1); });
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> waiting{
        {{listener_.socket.descriptor(), POLLIN, 0}, {stopping_.descriptor(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), kLookAroundMilliseconds) > 0 &&
        (waiting[0].revents & POLLIN) != 0) {
      accept_one();
    }
    reap();
  }
  finish();
}

void Server::accept_one() {
  Socket socket(::accept4(listener_.socket.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) {
    // Without descriptors to give, the client stays in the queue; it is not to be asked for in a
    // circle.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      pollfd waiting{stopping_.descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, kLookAroundMilliseconds / 10);
    }
    return;
  }
  const int yes = 1;
  ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  reap();
  if (connections_.size() >= limits_.connections) {
    const Response busy = error_response(
        Error(ErrorCode::kServerBusy, "the server has as many connections as it may have"));
    socket.write(serialize(busy, false), kRefusalPatience);
    return;
  }
  Connection& connection = connections_.emplace_back(std::move(socket));
  ++connected_;
  try {
    connection.thread = std::jthread([this, &connection] { converse(connection); });
  } catch (const std::system_error&) {
    --connected_;
    connections_.pop_back();
  }
}

void Server::converse(Connection& connection) {
  Conversation(connection.socket, limits_, handler_, stopping_.descriptor(), body_bytes_).run();
  // The client is to see the end now, not when the thread is gathered in.
  connection.socket.shut_down();
  --connected_;
  connection.done = true;
}

void Server::reap() {
  connections_.remove_if([](const Connection& connection) { return connection.done.load(); });
}

void Server::finish() {
  ::eventfd_write(stopping_.descriptor(), 1);
  {
    // Those that have not come to an end by then are cut off.
    std::mutex mutex;
    std::condition_variable_any over;
    std::jthread cutting([&](const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      over.wait_for(lock, stop, limits_.last_time, [] { return false; });
      if (stop.stop_requested()) return;
      for (Connection& connection : connections_) connection.socket.shut_down();
    });
    for (Connection& connection : connections_) connection.thread.join();
  }
  connections_.clear();
}

}  // namespace holdfast::http
