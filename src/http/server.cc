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

constexpr std::chrono::duration<int, std::milli> kLookAround{1000};
constexpr std::chrono::milliseconds kRefusalPatience{100};

}  // namespace

Server::Server(const ListenAddress& address, ServerLimits limits, Handler handler)
    : listener_(address),
      limits_(limits),
      handler_(std::move(handler)),
      stopping_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stopping_) throw system_error(errno, "cannot make an event");
  if (handler_.is_brief) {
    reception_.emplace(limits_, handler_, body_bytes_, [this](Socket socket, std::string received) {
      give_thread(std::move(socket), std::move(received));
    });
  }
}

Server::~Server() { finish(); }

void Server::serve(std::stop_token stop) {
  const std::stop_callback wake(stop, [&] {
    // Before anybody's connection is seen to end.
    if (reception_) reception_->expect_end();
    ::eventfd_write(stopping_.descriptor(), 1);
  });
  {
    // Takes over while the first one writes a record for a client who is alone.
    std::jthread second;
    if (reception_) second = std::jthread([&] { attend(stop); });
    attend(stop);
  }
  finish();
}

void Server::attend(const std::stop_token& stop) {
  std::unique_lock turn(turn_, std::defer_lock);
  const StepAside step_aside = [&] {
    if (waiting_ == 0) return false;
    turn.unlock();
    return true;
  };
  Moment looked_around = Moment::clock::now();
  for (;;) {
    if (!turn.owns_lock()) {
      ++waiting_;
      turn.lock();
      --waiting_;
    }
    if (stop.stop_requested()) return;
    std::array<pollfd, 3> waiting{{{listener_.descriptor(), POLLIN, 0},
                                   {stopping_.descriptor(), POLLIN, 0},
                                   {reception_ ? reception_->descriptor() : -1, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), kLookAround.count()) > 0) {
      if ((waiting[0].revents & POLLIN) != 0) accept_one();
      if (waiting[2].revents != 0) reception_->look(step_aside);
    }
    if (!turn.owns_lock()) continue;
    const Moment now = Moment::clock::now();
    if (now - looked_around < kLookAround) continue;
    looked_around = now;
    if (reception_) reception_->tidy();
    reap();
  }
}

void Server::accept_one() {
  Socket socket(::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) {
    // Without descriptors to give, the client stays in the queue; it is not to be asked for in a
    // circle.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      pollfd waiting{stopping_.descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, kLookAround.count() / 10);
    }
    return;
  }
  const int yes = 1;
  ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  reap();
  const std::size_t here = connections_.size() + (reception_ ? reception_->clients() : 0);
  if (here >= limits_.connections) {
    const Response busy = error_response(
        Error(ErrorCode::kServerBusy, "the server has as many connections as it may have"));
    socket.write(serialize(busy, false), kRefusalPatience);
    return;
  }
  if (reception_) {
    reception_->admit(std::move(socket));
  } else {
    give_thread(std::move(socket), {});
  }
}

void Server::give_thread(Socket socket, std::string received) {
  Connection& connection = connections_.emplace_back(std::move(socket), std::move(received));
  ++connected_;
  try {
    connection.thread = std::jthread([this, &connection] { converse(connection); });
  } catch (const std::system_error&) {
    --connected_;
    connections_.pop_back();
  }
}

void Server::converse(Connection& connection) {
  Conversation(connection.socket, std::move(connection.received), limits_, handler_,
               stopping_.descriptor(), body_bytes_)
      .run();
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
  const Moment deadline = Moment::clock::now() + limits_.last_time;
  if (reception_) reception_->finish(deadline);
  {
    // Those that have not come to an end by then are cut off.
    std::mutex mutex;
    std::condition_variable_any over;
    std::jthread cutting([&](const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      over.wait_until(lock, stop, deadline, [] { return false; });
      if (stop.stop_requested()) return;
      for (Connection& connection : connections_) connection.socket.shut_down();
    });
    for (Connection& connection : connections_) connection.thread.join();
  }
  connections_.clear();
}

}  // namespace holdfast::http
