#include "env/http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"

namespace holdfast::env {
namespace {

using testing::HasSubstr;

// Answers each request on 127.0.0.1 with the same bytes, and closes the connection after so many.
class ScriptedServer {
 public:
  ScriptedServer(std::string answer, int answers_per_connection)
      : answer_(std::move(answer)), per_connection_(answers_per_connection) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw system_error(errno, "cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    {
      const std::scoped_lock lock(mutex_);
      stopped_ = true;
      if (open_ >= 0) ::shutdown(open_, SHUT_RDWR);
    }
    thread_.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}/path?a=b", port_); }
  int connections() {
    const std::scoped_lock lock(mutex_);
    return connections_;
  }
  std::string requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      {
        const std::scoped_lock lock(mutex_);
        ++connections_;
        open_ = connection;
        if (stopped_) ::shutdown(connection, SHUT_RDWR);
      }
      for (int i = 0; i < per_connection_ && answer_one(connection); ++i) {
      }
      const std::scoped_lock lock(mutex_);
      open_ = -1;
      ::close(connection);
    }
  }
  // Bodies end in "!".
  bool answer_one(int connection) {
    std::string request;
    char piece[4096];
    const auto whole = [&] {
      return request.ends_with("\r\n\r\n") ? request.find("Content-Length: ") == std::string::npos
                                           : request.ends_with("!");
    };
    while (!whole()) {
      const auto size = ::recv(connection, piece, sizeof piece, 0);
      if (size <= 0) return false;
      request.append(piece, static_cast<std::size_t>(size));
    }
    {
      const std::scoped_lock lock(mutex_);
      requests_ += request;
    }
    // In two pieces, as many a server does: the kernel sends the second when the first was
    // acknowledged.
    const std::size_t end = answer_.find("\r\n\r\n");
    const std::size_t head = end == std::string::npos ? answer_.size() : end + 4;
    return ::send(connection, answer_.data(), head, MSG_NOSIGNAL) >= 0 &&
           ::send(connection, answer_.data() + head, answer_.size() - head, MSG_NOSIGNAL) >= 0;
  }

  const std::string answer_;
  const int per_connection_;
  int listener_ = -1, port_ = 0;
  std::mutex mutex_;
  int connections_ = 0, open_ = -1;
  bool stopped_ = false;
  std::string requests_;
  std::thread thread_;
};

constexpr const char* kAnswer =
    "HTTP/1.1 200 OK\r\nX-Some:  text \r\nContent-Length: 5\r\n\r\nhello";

HttpAnswer ask(const std::string& url, HttpRequest request = {.method = "GET", .url = {}}) {
  request.url = url;
  request.direct = true;
  return make_http_client({})->send(request);
}

TEST(HttpClient, GivesStatusHeadersAndBody) {
  ScriptedServer server(kAnswer, 1);
  const HttpAnswer answer = ask(server.url());
  EXPECT_EQ(answer.failure, HttpFailure::kNone) << answer.problem;
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("x-some"), "text");
  EXPECT_EQ(answer.header("absent"), "");
  EXPECT_EQ(as_text(answer.body), "hello");
  EXPECT_THAT(server.requests(), HasSubstr("GET /path?a=b HTTP/1.1\r\n"));
}

TEST(HttpClient, SendsABodyAndHeadersAndSignsThem) {
  ScriptedServer server(kAnswer, 1);
  ask(server.url(),
      {.method = "PUT",
       .url = {},
       .headers = {"x-amz-content-sha256: 00", "If-None-Match: *"},
       .body = as_bytes("content!"),
       .signer = HttpSigner{
           .access_key = "AKID", .secret_key = "hush", .region = "eu-1", .service = "s3"}});
  const std::string sent = server.requests();
  EXPECT_THAT(sent, HasSubstr("PUT /path?a=b HTTP/1.1\r\n"));
  EXPECT_THAT(sent, HasSubstr("content!"));
  EXPECT_THAT(sent, HasSubstr("/eu-1/s3/aws4_request"));
  EXPECT_THAT(sent, HasSubstr("host;if-none-match;x-amz-content-sha256;x-amz-date"));
  EXPECT_THAT(sent, testing::Not(HasSubstr("hush")));
}

TEST(HttpClient, KeepsAConnectionForTheNextRequest) {
  ScriptedServer server(kAnswer, 3);
  const auto client = make_http_client({});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client->send({.method = "GET", .url = server.url(), .direct = true}).status, 200);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, LetsNoServerWaitForAnAcknowledgement) {
  ScriptedServer server(kAnswer, 100);
  const auto client = make_http_client({});
  const HttpRequest request{.method = "GET", .url = server.url(), .direct = true};
  client->send(request);  // which the kernel acknowledges at once anyway
  auto fastest = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 10; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(client->send(request).status, 200);
    fastest = std::min(fastest, std::chrono::steady_clock::now() - begun);
  }
  EXPECT_LT(fastest, std::chrono::milliseconds(30));
}

TEST(HttpClient, OpensAnotherConnectionWhenTheKeptOneHasEnded) {
  ScriptedServer server(kAnswer, 1);
  const auto client = make_http_client({});
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer answer = client->send({.method = "GET", .url = server.url(), .direct = true});
    EXPECT_EQ(answer.status, 200) << answer.problem;
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpClient, TakesNoMoreThanItWasTold) {
  ScriptedServer server(kAnswer, 1);
  HttpRequest request{.method = "GET", .url = {}};
  request.most_bytes = 4;
  EXPECT_EQ(ask(server.url(), request).failure, HttpFailure::kTooLarge);
  request.most_bytes = 5;
  EXPECT_EQ(ask(server.url(), request).failure, HttpFailure::kNone);
}

TEST(HttpClient, BelievesNoAnswerThatIsNotWhole) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    ScriptedServer server(answer, 1);
    EXPECT_EQ(ask(server.url()).failure, HttpFailure::kBroken) << answer;
  }
}

TEST(HttpClient, TellsWhyThereIsNoAnswer) {
  EXPECT_EQ(ask("http://127.0.0.1:9/").failure, HttpFailure::kRefused);
  EXPECT_EQ(ask("http://nowhere.invalid/").failure, HttpFailure::kHostUnknown);
  ScriptedServer silent("", 2);
  HttpRequest request{.method = "GET", .url = {}};
  request.timeouts.whole = std::chrono::milliseconds(50);
  EXPECT_EQ(ask(silent.url(), request).failure, HttpFailure::kTimeout);
}

TEST(HttpClient, FollowsNoRedirection) {
  ScriptedServer server(
      "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", 2);
  EXPECT_EQ(ask(server.url()).status, 301);
}

TEST(HttpClient, StopsWhenItIsTold) {
  ScriptedServer silent("", 2);
  std::stop_source stop;
  stop.request_stop();
  HttpRequest request{.method = "GET", .url = {}};
  request.stop = stop.get_token();
  EXPECT_EQ(ask(silent.url(), request).failure, HttpFailure::kStopped);
}

}  // namespace
}  // namespace holdfast::env
