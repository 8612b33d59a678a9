#include "http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>

#include "base/error.h"

namespace holdfast::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr const char* kHead = " / HTTP/1.1\r\nHost: a\r\n";

class ServerTest : public testing::Test {
 protected:
  virtual Handler handler() {
    return {.refuse = [this](const Request& head) { return refuse(head); },
            .answer = [this](const Request& request) { return answer(request); }};
  }
  void start(ServerLimits limits) {
    server.emplace(parse_listen_address("127.0.0.1:0"), limits, handler());
    thread = std::jthread([this](const std::stop_token& stop) { server->serve(stop); });
  }
  virtual std::optional<Response> refuse(const Request& head) {
    if (head.header("x-refuse") == nullptr) return std::nullopt;
    return error_response(Error(ErrorCode::kForbidden, "no"));
  }
  virtual Response answer(const Request& request) {
    if (request.body == "throw") throw Error(ErrorCode::kRecordInvalid, "thrown");
    if (request.body == "stop") {
      std::unique_lock lock(mutex);
      waits = true;
      changed.notify_all();
      changed.wait(lock, [&] { return goes_on; });
    }
    return {.status = 200, .headers = {}, .body = request.method + ":" + request.body};
  }

  Socket connect() {
    const auto colon = server->address().rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(server->address().substr(colon + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
    return socket;
  }
  // What comes until the server hangs up, or, with `until`, until that has come.
  static std::string read(Socket& socket, std::string_view until = {}) {
    std::string got;
    while (until.empty() || got.find(until) == std::string::npos) {
      if (socket.read(got, 65536, std::chrono::steady_clock::now() + 60s) != Socket::Read::kBytes) {
        break;
      }
    }
    return got;
  }
  std::string ask(std::string_view sent) {
    Socket socket = connect();
    socket.write(sent, 60s);
    ::shutdown(socket.descriptor(), SHUT_WR);
    return read(socket);
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool waits = false, goes_on = false;
  std::optional<Server> server;
  std::jthread thread;
};

TEST_F(ServerTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  start({});
  Socket socket = connect();
  socket.write("\r\nPUT" + std::string(kHead) + "Content-Length: 3\r\n\r\nabcGET" + kHead + "\r\n",
               60s);
  EXPECT_THAT(read(socket, "GET:"), HasSubstr("PUT:abc"));
  socket.write("HEAD" + std::string(kHead) + "Connection: close\r\n\r\n", 60s);
  const std::string last = read(socket);
  EXPECT_THAT(last, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_TRUE(last.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, AsksForTheBodyWhereTheClientWaitsForThat) {
  start({});
  Socket socket = connect();
  socket.write("PUT" + std::string(kHead) + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
               60s);
  EXPECT_THAT(read(socket, "\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  socket.write("abc", 60s);
  EXPECT_THAT(read(socket, "PUT:"), HasSubstr("PUT:abc"));
}

TEST_F(ServerTest, RefusesBeforeItReadsTheBody) {
  start({});
  Socket socket = connect();
  socket.write("PUT" + std::string(kHead) + "X-Refuse: y\r\nContent-Length: 1000000\r\n\r\n", 60s);
  EXPECT_THAT(read(socket), StartsWith("HTTP/1.1 403 Forbidden"));
}

TEST_F(ServerTest, MakesAnAnswerOfWhatTheHandlerThrows) {
  start({});
  EXPECT_THAT(ask("PUT" + std::string(kHead) + "Content-Length: 5\r\n\r\nthrow"),
              testing::AllOf(StartsWith("HTTP/1.1 422"), HasSubstr("\"message\":\"thrown\"")));
}

TEST_F(ServerTest, HoldsItsLimits) {
  start({.head_bytes = 100, .body_bytes = 10, .all_body_bytes = 5});
  EXPECT_THAT(ask("GET" + std::string(kHead) + std::string(100, 'x')), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("PUT" + std::string(kHead) + "Content-Length: 11\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("PUT" + std::string(kHead) + "Content-Length: 6\r\n\r\n123456"),
              StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(ask("PUT" + std::string(kHead) + "Content-Length: 5\r\n\r\n12345"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, WaitsForNobodyForEver) {
  start({.head_time = 20ms, .idle_time = 20ms, .quiet_time = 20ms});
  Socket half_a_head = connect(), half_a_body = connect(), idle = connect();
  half_a_head.write("GET / HT", 60s);
  half_a_body.write("PUT" + std::string(kHead) + "Content-Length: 5\r\n\r\n1", 60s);
  EXPECT_THAT(read(half_a_head), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(read(half_a_body), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(read(idle), "");
}

TEST_F(ServerTest, AnswersWhatIsUnderWayBeforeItEnds) {
  start({});
  Socket busy = connect(), idle = connect();
  busy.write("PUT" + std::string(kHead) + "Content-Length: 4\r\n\r\nstop", 60s);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waits; });
  }
  thread.request_stop();
  {
    const std::lock_guard lock(mutex);
    goes_on = true;
  }
  changed.notify_all();
  EXPECT_THAT(read(busy), testing::AllOf(HasSubstr("Connection: close"), HasSubstr("PUT:stop")));
  EXPECT_EQ(read(idle), "");
  thread.join();
  EXPECT_EQ(server->connections(), 0u);
}

// Where requests with a body are answered together: at once, or, if the body is "stop", when the
// test says so.
class TogetherTest : public ServerTest {
 protected:
  Handler handler() override {
    Handler both = ServerTest::handler();
    both.is_brief = [](const Request& request) { return !request.body.empty(); };
    both.answer_together = [this](std::vector<Asked> asked, const StepAside& step_aside) {
      if (asked[0].request.body == "break") throw Error(ErrorCode::kInternal, "broken");
      if (asked[0].request.body == "aside") {
        while (!step_aside()) std::this_thread::yield();  // until the second one is there
        std::unique_lock lock(mutex);
        waits = true;
        changed.notify_all();
        changed.wait(lock, [&] { return goes_on; });
      }
      for (Asked& one : asked) {
        if (one.request.body == "stop") {
          const std::lock_guard lock(mutex);
          held = std::move(one);
          changed.notify_all();
        } else {
          respond(one);
        }
      }
    };
    return both;
  }
  static void respond(const Asked& asked) {
    asked.answer([body = asked.request.body]() -> Response {
      if (body == "throw") throw Error(ErrorCode::kRecordInvalid, "thrown");
      return {.status = 200, .headers = {}, .body = "together:" + body};
    });
  }
  static std::string put(std::string_view body) {
    return "PUT" + std::string(kHead) + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
  Asked wait_for_held() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held.has_value(); });
    return *std::exchange(held, {});
  }
  ~TogetherTest() override {
    thread.request_stop();
    if (thread.joinable()) thread.join();
  }

  std::optional<Asked> held;
};

TEST_F(TogetherTest, AnswersOneClientInTheOrderInWhichItAsked) {
  start({});
  Socket socket = connect();
  socket.write(put("a") + put("bc") + "GET" + kHead + "\r\n" + put("d"), 60s);
  // The third one is for a thread of its own, with which the client stays.
  const std::string all = read(socket, "PUT:d");
  const auto first = all.find("together:a"), second = all.find("together:bc"),
             third = all.find("GET:");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, all.find("PUT:d"));
}

TEST_F(TogetherTest, ServesOthersWhileOneWaits) {
  start({});
  Socket one = connect(), other = connect();
  one.write(put("stop"), 60s);
  const Asked asked = wait_for_held();
  other.write(put("x"), 60s);
  EXPECT_THAT(read(other, "together:x"), StartsWith("HTTP/1.1 200"));
  // What comes before the answer waits for it.
  one.write(put("y"), 60s);
  other.write(put("z"), 60s);
  read(other, "together:z");
  respond(asked);
  EXPECT_THAT(read(one, "together:y"), HasSubstr("together:stop"));
}

TEST_F(TogetherTest, IsAttendedByASecondThreadWhileTheFirstOneWaits) {
  start({});
  Socket one = connect(), other = connect();
  one.write(put("aside"), 60s);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waits; });
  }
  Socket newcomer = connect();
  for (Socket* socket : {&other, &newcomer, &other}) {
    socket->write(put("x"), 60s);
    EXPECT_THAT(read(*socket, "together:x"), StartsWith("HTTP/1.1 200"));
  }
  {
    const std::lock_guard lock(mutex);
    goes_on = true;
    changed.notify_all();
  }
  EXPECT_THAT(read(one, "together:aside"), StartsWith("HTTP/1.1 200"));
  one.write(put("y"), 60s);
  EXPECT_THAT(read(one, "together:y"), StartsWith("HTTP/1.1 200"));
}

TEST_F(TogetherTest, WaitsAMomentForTheRestOfARequest) {
  start({});
  Socket socket = connect();
  const std::string whole = put("abc");
  socket.write(std::string_view(whole).substr(0, whole.size() - 2), 60s);
  Socket other = connect();
  other.write(put("x"), 60s);
  read(other, "together:x");
  socket.write("bc", 60s);
  EXPECT_THAT(read(socket, ":abc"), StartsWith("HTTP/1.1 200"));
}

TEST_F(TogetherTest, MakesAnAnswerOfWhatIsThrown) {
  start({});
  EXPECT_THAT(ask(put("throw")),
              testing::AllOf(StartsWith("HTTP/1.1 422"), HasSubstr("\"message\":\"thrown\"")));
  EXPECT_THAT(ask(put("break")),
              testing::AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("\"message\":\"broken\"")));
}

TEST_F(TogetherTest, LeavesWhatIsLargeOrNoHttpToAThread) {
  start({.body_bytes = 100'000});
  const std::string large(50'000, 'x');
  EXPECT_THAT(ask(put(large)), HasSubstr("PUT:xxx"));
  EXPECT_THAT(ask("NO HTTP\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("PUT" + std::string(kHead) + "Content-Length: 100001\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(
      ask("PUT" + std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
      HasSubstr("PUT:x"));
}

TEST_F(TogetherTest, BearsAClientThatDoesNotWaitForItsAnswer) {
  start({});
  {
    Socket gone = connect();
    gone.write(put("stop"), 60s);
    const Asked asked = wait_for_held();
    gone.shut_down();
    respond(asked);
    respond(asked);  // the first answer counts
  }
  EXPECT_THAT(ask(put("x")), HasSubstr("together:x"));
}

TEST_F(TogetherTest, LetsInNoMoreThanItMay) {
  start({.connections = 1});
  Socket one = connect();
  one.write(put("a"), 60s);
  read(one, "together:a");
  Socket other = connect();
  EXPECT_THAT(read(other), StartsWith("HTTP/1.1 503"));
}

TEST_F(TogetherTest, PartsWithWhoSaysNothing) {
  start({.head_time = 20ms, .idle_time = 20ms});
  Socket idle = connect(), half_a_head = connect();
  half_a_head.write("PUT / HT", 60s);
  EXPECT_EQ(read(idle), "");
  EXPECT_THAT(read(half_a_head), StartsWith("HTTP/1.1 408"));
}

TEST_F(TogetherTest, AnswersWhatWaitsBeforeItEnds) {
  start({});
  Socket busy = connect(), idle = connect();
  busy.write(put("stop"), 60s);
  const Asked asked = wait_for_held();
  thread.request_stop();
  EXPECT_EQ(read(idle), "");
  respond(asked);
  EXPECT_THAT(read(busy),
              testing::AllOf(HasSubstr("Connection: close"), HasSubstr("together:stop")));
}

TEST_F(TogetherTest, WaitsForNoAnswerForEver) {
  start({.last_time = 20ms});
  Socket busy = connect();
  busy.write(put("stop"), 60s);
  const Asked asked = wait_for_held();
  thread.request_stop();
  thread.join();
  EXPECT_EQ(read(busy), "");
  server.reset();
  respond(asked);  // too late for anybody
}

}  // namespace
}  // namespace holdfast::http
