#include "http/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/keyed_hash.h"
#include "http/listener.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// "localhost:80", "[::1]" → "localhost", "::1"
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace

std::vector<std::string> parse_tokens(std::string_view text, std::string_view where) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.size() < kShortestToken || line.find_first_of(kBlanks) != std::string_view::npos) {
      throw Error(ErrorCode::kConfiguration,
                  fmt::format("a token of {} has blanks in it, or less than {} characters", where,
                              kShortestToken),
                  {}, "Make one with `openssl rand -hex 32`.");
    }
    tokens.emplace_back(line);
  }
  if (tokens.empty()) {
    throw Error(ErrorCode::kConfiguration, fmt::format("there is no token in {}", where));
  }
  return tokens;
}

Access::Access(const std::vector<std::string>& tokens) : key_(codec::SecretKey::random()) {
  for (const std::string& token : tokens) tokens_.push_back(digest(token));
}

codec::SecretKey Access::digest(std::string_view token) const {
  codec::SecretKey hash;
  codec::KeyedHash(key_, codec::SecretKey::kSize).add(as_bytes(token)).finish(hash.writable());
  return hash;
}

std::optional<Error> Access::refusal(const Request& head) const {
  if (tokens_.empty()) {
    const auto* host = head.header("host");
    if (host != nullptr && !is_loopback(host_of(*host))) {
      return Error(ErrorCode::kForbidden, "the request is for another host than this one");
    }
    const auto* origin = head.header("origin");
    if (origin == nullptr) return std::nullopt;
    const auto scheme = origin->find("://");
    if (scheme == std::string::npos ||
        !is_loopback(host_of(std::string_view(*origin).substr(scheme + 3)))) {
      return Error(ErrorCode::kForbidden, "the request comes from a web page of another host");
    }
    return std::nullopt;
  }
  constexpr std::string_view kBearer = "bearer ";
  const auto* said = head.header("authorization");
  const bool bearer = said != nullptr && said->size() > kBearer.size() &&
                      std::ranges::equal(std::string_view(*said).substr(0, kBearer.size()), kBearer,
                                         [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  if (!bearer) return Error(ErrorCode::kUnauthorized, "the request carries no token");
  const codec::SecretKey shown = digest(std::string_view(*said).substr(kBearer.size()));
  bool known = false;
  for (const codec::SecretKey& token : tokens_) known |= token == shown;
  if (!known) return Error(ErrorCode::kUnauthorized, "the token is not known");
  return std::nullopt;
}

}  // namespace holdfast::http
