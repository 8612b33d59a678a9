// The clients of a server that need no thread of their own: those between two requests, and those
// whose request is answered together with others.
#ifndef HOLDFAST_HTTP_RECEPTION_H_
#define HOLDFAST_HTTP_RECEPTION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/request.h"
#include "http/response.h"
#include "http/socket.h"

namespace holdfast::http {

struct ServerLimits;
struct Handler;

// A request that waits for its answer.
struct Asked {
  Request request;
  // To be called once, by any thread. What makes the response is called by that one or by the
  // thread of the reception, and must not take long; what it throws becomes the response.
  std::function<void(std::function<Response()> response)> answer;
};

// Lets another thread take over the reception: then the caller may wait, and must not touch it.
// False if there is none. To be called once.
using StepAside = std::function<bool()>;

// By one thread at a time. A client is handed over to one of its own (`leave`), with what was
// received of its next request, where that cannot be answered together with others
// (Handler::is_brief), or does not come whole within a moment.
class Reception {
 public:
  using Leave = std::function<void(Socket socket, std::string received)>;
  Reception(const ServerLimits& limits, const Handler& handler,
            std::atomic<std::uint64_t>& all_body_bytes, Leave leave);
  ~Reception();
  Reception(const Reception&) = delete;
  Reception& operator=(const Reception&) = delete;

  // Readable when look() has something to do.
  int descriptor() const { return ready_.descriptor(); }
  std::size_t clients() const { return clients_.size(); }

  void admit(Socket socket);
  // Takes what has come in, and answers what can be answered. Waits only if it could step aside.
  void look(const StepAside& step_aside);
  // Parts with those that said nothing for too long. To be called about once a second.
  void tidy();
  // From now on each answer is the last one of its connection. From any thread.
  void expect_end();
  // Answers what is under way, until `deadline`, and parts with everybody.
  void finish(Moment deadline);

 private:
  struct Client;
  struct Answers;
  struct Question;

  enum class Taken { kNotWhole, kAsked, kHandedOver };

  void receive(Client& client, bool ends);
  Taken take(Client& client);
  std::optional<Request> whole_request(const Client& client, std::size_t& size) const;
  void ask(Client& client, Request request, std::size_t size);
  void ask_together(const StepAside& step_aside);
  void answer_all();
  void part_with(Client& client);
  void hand_over(Client& client);

  const ServerLimits& limits_;
  const Handler& handler_;
  std::atomic<std::uint64_t>& all_body_bytes_;
  const Leave leave_;
  Socket ready_;  // an epoll of the clients and of what was answered
  std::unordered_map<Client*, std::shared_ptr<Client>> clients_;
  std::vector<Asked> asked_;  // since look() began
  std::shared_ptr<Answers> answers_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_RECEPTION_H_
