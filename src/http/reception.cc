#include "http/reception.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "http/server.h"

namespace holdfast::http {
namespace {

using Clock = std::chrono::steady_clock;

// A request that is larger is read by a thread.
constexpr std::size_t kLargest = 16 * 1024;
constexpr std::chrono::seconds kMoment{1};
constexpr int kMostEvents = 256;

}  // namespace

struct Reception::Client {
  explicit Client(Socket s) : socket(std::move(s)) {}
  Socket socket;
  std::string received;         // and not taken yet
  Moment since = Clock::now();  // nothing has come since
  bool waits = false;           // for an answer
  bool more = false;            // something came meanwhile
  bool keep_alive = true;       // after that answer
  std::uint64_t taken = 0;      // bytes of the body that waits with it
};

// What was answered. Who answers may outlive the reception.
struct Reception::Answers {
  struct Answered {
    std::shared_ptr<Client> client;
    std::function<Response()> response;
    std::optional<bool> sent;  // already; false: in vain, or as the last one
  };
  Answers() : wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake) throw system_error(errno, "cannot make an event");
  }

  void add(Answered answered) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = list.empty();
      list.push_back(std::move(answered));
    }
    if (first) ::eventfd_write(wake.descriptor(), 1);
  }
  // False if the client is to be parted with.
  bool send(Client& client, const std::function<Response()>& response) const {
    const bool keep_alive = client.keep_alive && !finishing;
    const std::string text = serialize(response_to(response), keep_alive);
    // What does not fit into what the system keeps for the client follows many answers unread.
    return client.socket.write(text, std::chrono::milliseconds(0)) && keep_alive;
  }
  std::vector<Answered> take() {
    eventfd_t count = 0;
    ::eventfd_read(wake.descriptor(), &count);
    const std::lock_guard lock(mutex);
    return std::exchange(list, {});
  }

  Socket wake;
  std::atomic<std::size_t> waiting{0};  // requests
  std::atomic<bool> finishing{false};
  std::mutex mutex;
  std::vector<Answered> list;
};

// What is asked on behalf of one client, and answered once.
struct Reception::Question {
  Question(std::shared_ptr<Answers> a, std::shared_ptr<Client> c)
      : answers(std::move(a)), client(std::move(c)) {}
  void answer(std::function<Response()> response) {
    if (answered.exchange(true)) return;
    std::optional<bool> sent;
    // Who is alone need not wait until another thread has woken up.
    if (answers->waiting == 1) sent = answers->send(*client, response);
    answers->add({std::move(client), std::move(response), sent});
  }

  std::shared_ptr<Answers> answers;
  std::shared_ptr<Client> client;
  std::atomic<bool> answered{false};
};

Reception::Reception(const ServerLimits& limits, const Handler& handler,
                     std::atomic<std::uint64_t>& all_body_bytes, Leave leave)
    : limits_(limits),
      handler_(handler),
      all_body_bytes_(all_body_bytes),
      leave_(std::move(leave)),
      ready_(::epoll_create1(EPOLL_CLOEXEC)),
      answers_(std::make_shared<Answers>()) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (!ready_ ||
      ::epoll_ctl(ready_.descriptor(), EPOLL_CTL_ADD, answers_->wake.descriptor(), &event) != 0) {
    throw system_error(errno, "cannot wait for clients");
  }
}

Reception::~Reception() = default;

void Reception::admit(Socket socket) {
  auto client = std::make_shared<Client>(std::move(socket));
  // Told once of what comes, also while the client waits for its answer.
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.ptr = client.get()}};
  if (::epoll_ctl(ready_.descriptor(), EPOLL_CTL_ADD, client->socket.descriptor(), &event) != 0) {
    leave_(std::move(client->socket), {});
    return;
  }
  clients_.emplace(client.get(), std::move(client));
}

void Reception::look(const StepAside& step_aside) {
  std::array<epoll_event, kMostEvents> events;
  const int count = ::epoll_wait(ready_.descriptor(), events.data(), kMostEvents, 0);
  bool answered = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    auto* const client = static_cast<Client*>(event.data.ptr);
    if (client == nullptr) {
      answered = true;  // afterwards: it may part with clients that are named here
    } else if (client->waits) {
      client->more = true;
    } else {
      receive(*client, (event.events & ~static_cast<std::uint32_t>(EPOLLIN)) != 0);
    }
  }
  if (answered) answer_all();
  ask_together(step_aside);
}

// `ends`: the client has said its last word, which is found behind what it said before.
void Reception::receive(Client& client, bool ends) {
  client.more = ends;
  if (client.received.empty()) client.since = Clock::now();
  for (;;) {
    switch (client.socket.read_now(client.received, kLargest)) {
      case Socket::Read::kBytes:
        if (take(client) == Taken::kNotWhole) break;
        return;
      case Socket::Read::kTimeout:
        return;
      case Socket::Read::kEnd:
      case Socket::Read::kStopped:
        part_with(client);
        return;
    }
  }
}

Reception::Taken Reception::take(Client& client) {
  try {
    std::size_t size = 0;
    auto request = whole_request(client, size);
    if (!request) return Taken::kNotWhole;
    if (handler_.is_brief(*request)) {
      ask(client, *std::move(request), size);
      return Taken::kAsked;
    }
  } catch (const std::exception&) {
    // A thread of its own tells the client what is wrong.
  }
  hand_over(client);
  return Taken::kHandedOver;
}

// Empty if there is more to come; throws if that is not to be waited for here.
std::optional<Request> Reception::whole_request(const Client& client, std::size_t& size) const {
  const std::string_view received = client.received;
  const auto end = received.find("\r\n\r\n");
  // What fills the piece may be followed by more, of which nobody would be told again.
  if (received.size() >= kLargest || (end != std::string::npos && end + 4 > limits_.head_bytes)) {
    throw Error(ErrorCode::kRequestTooLarge, "the request is not a small one");
  }
  if (end == std::string::npos) return std::nullopt;
  Request request = parse_head(received.substr(0, end + 4));
  const BodyFraming framing = body_framing(request, limits_.body_bytes);
  if (framing.chunked || framing.length > kLargest || request.header("expect") != nullptr) {
    throw Error(ErrorCode::kRequestTooLarge, "the request has no small body");
  }
  size = end + 4 + static_cast<std::size_t>(framing.length);
  if (received.size() < size) return std::nullopt;
  request.body = received.substr(end + 4, size - end - 4);
  return request;
}

void Reception::ask(Client& client, Request request, std::size_t size) {
  client.taken = request.body.size();
  if (all_body_bytes_.fetch_add(client.taken) + client.taken > limits_.all_body_bytes) {
    all_body_bytes_ -= client.taken;
    throw Error(ErrorCode::kServerBusy, "too much is being received at one time");
  }
  client.received.erase(0, size);
  client.waits = true;
  ++answers_->waiting;
  client.keep_alive = request.keep_alive;
  const auto question = std::make_shared<Question>(answers_, clients_.at(&client));
  asked_.push_back({.request = std::move(request), .answer = [question](auto response) {
                      question->answer(std::move(response));
                    }});
}

// The last thing that is done of a look: another thread may be at it afterwards.
void Reception::ask_together(const StepAside& step_aside) {
  if (asked_.empty()) return;
  std::vector<std::function<void(std::function<Response()>)>> answers;
  for (const Asked& asked : asked_) answers.push_back(asked.answer);
  try {
    handler_.answer_together(std::exchange(asked_, {}), step_aside);
  } catch (...) {
    for (const auto& answer : answers) {
      answer(
          [failure = std::current_exception()]() -> Response { std::rethrow_exception(failure); });
    }
  }
}

void Reception::answer_all() {
  for (Answers::Answered& each : answers_->take()) {
    Client& client = *each.client;
    client.waits = false;
    --answers_->waiting;
    all_body_bytes_ -= std::exchange(client.taken, 0);
    client.since = Clock::now();
    if (!clients_.contains(&client)) continue;  // too late
    if (!(each.sent ? *each.sent : answers_->send(client, each.response))) {
      part_with(client);
      continue;
    }
    if (client.more) {
      receive(client, false);
    } else if (!client.received.empty()) {
      take(client);
    }
  }
}

void Reception::tidy() {
  const Moment now = Clock::now();
  std::vector<std::shared_ptr<Client>> late;
  for (const auto& [unused, client] : clients_) {
    if (client->waits) continue;
    const auto patience = client->received.empty() ? limits_.idle_time : kMoment;
    if (client->since + patience < now) late.push_back(client);
  }
  for (const auto& client : late) {
    if (client->received.empty()) {
      part_with(*client);
    } else {
      hand_over(*client);
    }
  }
}

void Reception::expect_end() { answers_->finishing = true; }

void Reception::finish(Moment deadline) {
  const StepAside nobody_else = [] { return false; };
  look(nobody_else);  // what came before the end was told
  expect_end();
  std::vector<std::shared_ptr<Client>> begun;
  for (const auto& [unused, client] : clients_) {
    if (!client->waits && !client->received.empty()) begun.push_back(client);
  }
  for (const auto& client : begun) hand_over(*client);
  for (;;) {
    std::erase_if(clients_, [](const auto& each) { return !each.second->waits; });
    if (clients_.empty()) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{descriptor(), POLLIN, 0};
    if (left.count() <= 0) break;
    if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0) look(nobody_else);
  }
  // Whoever still is to answer them keeps them in memory, but they are not to wait for that.
  for (const auto& [client, unused] : clients_) client->socket.shut_down();
  clients_.clear();
}

void Reception::hand_over(Client& client) {
  const auto kept = clients_.extract(&client).mapped();
  ::epoll_ctl(ready_.descriptor(), EPOLL_CTL_DEL, kept->socket.descriptor(), nullptr);
  leave_(std::move(kept->socket), std::move(kept->received));
}

void Reception::part_with(Client& client) {
  client.socket.shut_down();
  clients_.erase(&client);
}

}  // namespace holdfast::http
