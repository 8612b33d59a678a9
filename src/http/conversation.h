// One client's requests, one after the other, and their answers.
#ifndef HOLDFAST_HTTP_CONVERSATION_H_
#define HOLDFAST_HTTP_CONVERSATION_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "http/server.h"

namespace holdfast::http {

// Of one connection, by its thread. Ends when the client does, says something that is no HTTP,
// breaks a limit, or when `stopping` becomes readable between two requests.
class Conversation {
 public:
  // `received` is what came in already.
  Conversation(Socket& socket, std::string received, const ServerLimits& limits,
               const Handler& handler, int stopping, std::atomic<std::uint64_t>& all_body_bytes)
      : socket_(socket),
        limits_(limits),
        handler_(handler),
        stopping_(stopping),
        all_body_bytes_(all_body_bytes),
        buffer_(std::move(received)) {}

  void run();

 private:
  class Share;  // of the memory that bodies may take

  std::optional<Request> read_head();
  void read_body(Request& request, Share& share);
  void read_some(std::string& into, std::size_t most, Moment deadline);
  bool answer_next();
  void answer(const Response& response, bool keep_alive);
  void hang_up(const Response& response);
  Moment body_deadline(std::uint64_t length) const;
  bool stops() const;

  Socket& socket_;
  const ServerLimits& limits_;
  const Handler& handler_;
  const int stopping_;
  std::atomic<std::uint64_t>& all_body_bytes_;
  std::string buffer_;  // what came in and belongs to what is next
  bool open_ = true;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_CONVERSATION_H_
