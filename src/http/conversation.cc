#include "http/conversation.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeadPiece = 16 * 1024;
constexpr std::size_t kBodyPiece = 256 * 1024;
// Of a body that was refused, so much is read and thrown away: a client that is still sending would
// otherwise see its connection reset before it sees the answer.
constexpr std::size_t kMostThrownAway = 1024 * 1024;
constexpr std::chrono::seconds kLongestGoodbye{2};

}  // namespace

class Conversation::Share {
 public:
  Share(std::atomic<std::uint64_t>& all, std::uint64_t limit) : all_(all), limit_(limit) {}
  ~Share() { all_ -= mine_; }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  void grow_to(std::uint64_t bytes) {
    if (bytes <= mine_) return;
    const std::uint64_t more = bytes - mine_;
    if (all_.fetch_add(more) + more > limit_) {
      all_ -= more;
      throw Error(ErrorCode::kServerBusy, "too much is being received at one time");
    }
    mine_ = bytes;
  }

 private:
  std::atomic<std::uint64_t>& all_;
  const std::uint64_t limit_;
  std::uint64_t mine_ = 0;
};

void Conversation::run() {
  while (open_ && answer_next()) {
  }
}

bool Conversation::stops() const {
  pollfd waiting{stopping_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

// False when there is nothing more to say.
bool Conversation::answer_next() {
  std::optional<Request> request;
  Share share(all_body_bytes_, limits_.all_body_bytes);
  try {
    request = read_head();
    if (!request) return false;
    if (auto refusal = handler_.refuse(*request)) {
      const BodyFraming framing = body_framing(*request, limits_.body_bytes);
      if (framing.chunked || framing.length > 0) {
        hang_up(*refusal);
        return false;
      }
      answer(*refusal, request->keep_alive && !stops());
      return request->keep_alive;
    }
    read_body(*request, share);
  } catch (const std::exception& exception) {
    // Where the next request would begin cannot be told any more.
    if (open_) hang_up(response_of(exception));
    return false;
  }
  Response response = response_to([&] { return handler_.answer(*request); });
  response.without_body = request->method == "HEAD";
  const bool keep_alive = request->keep_alive && !stops();
  answer(response, keep_alive);
  return keep_alive;
}

std::optional<Request> Conversation::read_head() {
  // A client may send empty lines between two requests (RFC 9112, 2.2).
  Moment deadline = Clock::now() + limits_.idle_time;
  bool begun = false;
  for (;;) {
    while (!begun && buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
    if (!buffer_.empty() && !begun) {
      begun = true;
      deadline = Clock::now() + limits_.head_time;
    }
    const auto end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos && end + 4 <= limits_.head_bytes) {
      Request request = parse_head(std::string_view(buffer_).substr(0, end + 4));
      buffer_.erase(0, end + 4);
      return request;
    }
    if (buffer_.size() > limits_.head_bytes || end != std::string::npos) {
      throw Error(
          ErrorCode::kRequestTooLarge,
          fmt::format("the head of the request is larger than {} bytes", limits_.head_bytes));
    }
    switch (socket_.read(buffer_, kHeadPiece, deadline, begun ? -1 : stopping_)) {
      case Socket::Read::kBytes:
        break;
      case Socket::Read::kTimeout:
        if (begun) throw Error(ErrorCode::kRequestTimeout, "the head of the request did not end");
        return std::nullopt;
      case Socket::Read::kEnd:
      case Socket::Read::kStopped:
        return std::nullopt;
    }
  }
}

Moment Conversation::body_deadline(std::uint64_t length) const {
  return Clock::now() + limits_.quiet_time + std::chrono::seconds(length / limits_.slowest_body);
}

void Conversation::read_some(std::string& into, std::size_t most, Moment deadline) {
  deadline = std::min(deadline, Clock::now() + limits_.quiet_time);
  switch (socket_.read(into, most, deadline)) {
    case Socket::Read::kBytes:
      return;
    case Socket::Read::kTimeout:
      throw Error(ErrorCode::kRequestTimeout, "the body of the request did not arrive in time");
    case Socket::Read::kEnd:
    case Socket::Read::kStopped:
      break;
  }
  open_ = false;
  throw Error(ErrorCode::kRequestInvalid, "the client went away within a request");
}

void Conversation::read_body(Request& request, Share& share) {
  const BodyFraming framing = body_framing(request, limits_.body_bytes);
  if (!framing.chunked && framing.length == 0) return;
  if (!framing.chunked) share.grow_to(framing.length);
  if (const auto* expect = request.header("expect")) {
    if (*expect != "100-continue") {
      throw Error(ErrorCode::kRequestInvalid, "what the client expects is not known here");
    }
    open_ = socket_.write("HTTP/1.1 100 Continue\r\n\r\n", limits_.quiet_time);
  }
  if (framing.chunked) {
    ChunkReader chunks(limits_.body_bytes);
    const Moment began = Clock::now();
    while (!chunks.take(buffer_, request.body)) {
      share.grow_to(request.body.size() + kBodyPiece);
      const auto allowed = began + (body_deadline(request.body.size()) - Clock::now());
      read_some(buffer_, kBodyPiece, allowed);
    }
    return;
  }
  const Moment deadline = body_deadline(framing.length);
  const auto here = std::min<std::uint64_t>(framing.length, buffer_.size());
  request.body = buffer_.substr(0, static_cast<std::size_t>(here));
  buffer_.erase(0, static_cast<std::size_t>(here));
  while (request.body.size() < framing.length) {
    read_some(request.body,
              static_cast<std::size_t>(
                  std::min<std::uint64_t>(framing.length - request.body.size(), kBodyPiece)),
              deadline);
  }
}

void Conversation::answer(const Response& response, bool keep_alive) {
  if (!socket_.write(serialize(response, keep_alive), limits_.quiet_time)) open_ = false;
}

void Conversation::hang_up(const Response& response) {
  answer(response, false);
  ::shutdown(socket_.descriptor(), SHUT_WR);
  const Moment deadline = Clock::now() + kLongestGoodbye;
  std::size_t thrown_away = 0;
  do {
    thrown_away += buffer_.size();
    buffer_.clear();
  } while (thrown_away < kMostThrownAway &&
           socket_.read(buffer_, kBodyPiece, deadline, stopping_) == Socket::Read::kBytes);
  open_ = false;
}

}  // namespace holdfast::http
