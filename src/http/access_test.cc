#include "http/access.h"

#include <gtest/gtest.h>

namespace holdfast::http {
namespace {

constexpr const char* kToken = "0123456789abcdef-secret";

std::optional<ErrorCode> refused(const Access& access, const std::string& headers) {
  const auto refusal = access.refusal(
      parse_head("GET / HTTP/1.0\r\n" + headers + (headers.empty() ? "" : "\r\n") + "\r\n"));
  if (!refusal) return std::nullopt;
  return refusal->code();
}

TEST(Tokens, AreLinesOfAFile) {
  EXPECT_EQ(parse_tokens("# ours\n\n  0123456789abcdef \r\nfedcba9876543210", "f"),
            (std::vector<std::string>{"0123456789abcdef", "fedcba9876543210"}));
  EXPECT_THROW(parse_tokens("short\n", "f"), Error);
  EXPECT_THROW(parse_tokens("0123456789 abcdefgh\n", "f"), Error);
  EXPECT_THROW(parse_tokens("# nothing\n", "f"), Error);
}

TEST(Access, IsForWhoShowsAToken) {
  const Access access({kToken, "another-token-of-ours"});
  const std::string shown = std::string("Authorization: Bearer ") + kToken;
  EXPECT_FALSE(refused(access, shown));
  EXPECT_FALSE(refused(access, "authorization: bearer another-token-of-ours"));
  EXPECT_FALSE(refused(access, shown + "\r\nHost: example.org\r\nOrigin: https://example.org"));
  for (const std::string& headers :
       {std::string("Host: localhost"), shown + "x", shown.substr(0, shown.size() - 1),
        std::string("Authorization: Bearer "), std::string("Authorization: Bearer"),
        std::string("Authorization: Basic ") + kToken}) {
    EXPECT_EQ(refused(access, headers), ErrorCode::kUnauthorized) << headers;
  }
}

TEST(Access, WithoutTokensIsForThisMachineButNotForForeignWebPages) {
  const Access access({});
  for (const char* headers : {"", "Host: localhost:7433", "Host: 127.0.0.1", "Host: [::1]:80",
                              "Host: localhost\r\nOrigin: http://localhost:3000"}) {
    EXPECT_FALSE(refused(access, headers)) << headers;
  }
  for (const char* headers :
       {"Host: evil.example", "Host: localhost.evil.example", "Host: 192.168.1.1",
        "Host: localhost\r\nOrigin: https://evil.example", "Host: localhost\r\nOrigin: null"}) {
    EXPECT_EQ(refused(access, headers), ErrorCode::kForbidden) << headers;
  }
}

}  // namespace
}  // namespace holdfast::http
