#include "http/request.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::http {
namespace {

std::optional<ErrorCode> code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

std::string head(const std::string& lines) { return lines + "\r\n\r\n"; }

BodyFraming framing_of(const std::string& headers, std::uint64_t limit = 1000) {
  return body_framing(parse_head(head("PUT / HTTP/1.1\r\nHost: a\r\n" + headers)), limit);
}

TEST(RequestHead, IsTakenApart) {
  const Request request = parse_head(
      head("GET /v1/a%2Fb/%C3%BC?filter=x%3D1+2&page=3&empty HTTP/1.1\r\nHost: a\r\nX-Y:  z \t"));
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"v1", "a/b", "ü"}));
  EXPECT_EQ(*request.parameter("filter"), "x=1 2");
  EXPECT_EQ(*request.parameter("page"), "3");
  EXPECT_EQ(*request.parameter("empty"), "");
  EXPECT_EQ(*request.header("x-y"), "z");
  EXPECT_EQ(request.header("y"), nullptr);
  EXPECT_TRUE(request.keep_alive);
}

TEST(RequestHead, SaysWhetherTheConnectionStays) {
  EXPECT_FALSE(parse_head(head("GET / HTTP/1.0")).keep_alive);
  EXPECT_FALSE(parse_head(head("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close")).keep_alive);
}

TEST(RequestHead, IsRefusedWhereItIsNoPlainHttp) {
  for (const char* lines : {
           "GET /",
           "GET / HTTP/2.0\r\nHost: a",
           "GET  / HTTP/1.1\r\nHost: a",
           "G@T / HTTP/1.1\r\nHost: a",
           "GET http://a/ HTTP/1.1\r\nHost: a",
           "GET /%zz HTTP/1.1\r\nHost: a",
           "GET /%4 HTTP/1.1\r\nHost: a",
           "GET /\x01 HTTP/1.1\r\nHost: a",
           "GET / HTTP/1.1",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
           "GET / HTTP/1.1\r\nHost: a\r\n folded: line",
           "GET / HTTP/1.1\r\nHost: a\r\nno colon",
           "GET / HTTP/1.1\r\nHost: a\r\nName : blank",
           "GET / HTTP/1.1\nHost: a",
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb",
       }) {
    EXPECT_EQ(code_of([&] { parse_head(head(lines)); }), ErrorCode::kRequestInvalid) << lines;
  }
  std::string many = "GET / HTTP/1.1\r\nHost: a";
  for (std::size_t i = 0; i < kMostHeaders; ++i) many += "\r\nx: y";
  EXPECT_EQ(code_of([&] { parse_head(head(many)); }), ErrorCode::kRequestInvalid);
}

TEST(RequestBody, HasOneLengthOrNone) {
  EXPECT_EQ(framing_of("x: y").length, 0u);
  EXPECT_EQ(framing_of("Content-Length: 1000").length, 1000u);
  EXPECT_TRUE(framing_of("Transfer-Encoding: Chunked").chunked);
  EXPECT_EQ(code_of([] { framing_of("Content-Length: 1001"); }), ErrorCode::kRequestTooLarge);
  EXPECT_EQ(code_of([] { framing_of("Content-Length: 99999999999999999999999"); }),
            ErrorCode::kRequestTooLarge);
  for (const char* headers :
       {"Content-Length: -1", "Content-Length: 1 2", "Content-Length: 0x1",
        "Content-Length:", "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"}) {
    EXPECT_EQ(code_of([&] { framing_of(headers); }), ErrorCode::kRequestInvalid) << headers;
  }
}

TEST(RequestBody, IsPutTogetherFromChunksHoweverTheyArrive) {
  const std::string sent = "4;x=y\r\nabcd\r\n00B\r\n\r\nefghijklm\r\n0\r\nTrailer: x\r\n\r\nNEXT";
  for (std::size_t piece = 1; piece <= sent.size(); ++piece) {
    ChunkReader chunks(15);
    std::string bytes, body;
    bool ended = false;
    std::size_t at = 0;
    for (; at < sent.size() && !ended; at += piece) {
      bytes += sent.substr(at, piece);
      ended = chunks.take(bytes, body);
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(body, "abcd\r\nefghijklm");
    EXPECT_EQ(bytes + sent.substr(std::min(at, sent.size())), "NEXT");
  }
}

TEST(RequestBody, IsRefusedWhereChunksAreNoneOrTooMany) {
  const auto take = [](std::string bytes) {
    std::string body;
    ChunkReader(10).take(bytes, body);
  };
  for (const char* bytes :
       {"\r\n", "-1\r\n", "g\r\n", "00000000000000001\r\n", "1\r\nab\r\n", "1 1\r\n"}) {
    EXPECT_EQ(code_of([&] { take(bytes); }), ErrorCode::kRequestInvalid) << bytes;
  }
  EXPECT_EQ(code_of([&] { take(std::string(1000, '0')); }), ErrorCode::kRequestInvalid);
  EXPECT_EQ(code_of([&] { take("b\r\n"); }), ErrorCode::kRequestTooLarge);
  EXPECT_EQ(code_of([&] { take("ffffffffffffffff\r\n"); }), ErrorCode::kRequestTooLarge);
  EXPECT_EQ(code_of([&] { take("a\r\n0123456789\r\n1\r\n"); }), ErrorCode::kRequestTooLarge);
}

}  // namespace
}  // namespace holdfast::http
