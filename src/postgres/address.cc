#include "postgres/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "postgres/libpq.h"

namespace holdfast::postgres {
namespace {

// What stands before "://", without the driver; empty if it is none of ours.
std::string_view scheme_of(std::string_view text) {
  const auto end = text.find("://");
  if (end == std::string_view::npos) return {};
  const std::string_view scheme = text.substr(0, std::min(end, text.find('+')));
  return scheme == "postgres" || scheme == "postgresql" ? scheme : std::string_view();
}

// libpq quotes what it cannot read, and that may be the password. Only this one names no more than
// a parameter.
std::string harmless(std::string_view message) {
  if (!message.starts_with("invalid URI query parameter")) return "";
  return fmt::format(": {}", message.substr(0, message.find('\n')));
}

}  // namespace

bool is_address(std::string_view text) { return !scheme_of(text).empty(); }

Address::Address(std::string_view url) {
  const auto rest = url.find("://");
  const std::string plain =
      rest == std::string_view::npos ? std::string() : "postgresql" + std::string(url.substr(rest));
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      is_address(url) ? libpq().PQconninfoParse(plain.c_str(), &message) : nullptr,
      libpq().PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> held(message, libpq().PQfreemem);
  if (!options || plain.find('\0') != std::string::npos) {
    throw Error(
        ErrorCode::kConfiguration,
        fmt::format("the address of a PostgreSQL database cannot be understood{}",
                    harmless(message == nullptr ? "" : message)),
        {}, "Write postgres://user:password@host:5432/name, with %40 for an @ in the password.");
  }
  std::map<std::string, std::string> known;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    known[option->keyword] = option->val;
    settings_.emplace_back(option->keyword, option->val);
    if (*option->dispchar == '*') secrets_.emplace_back(option->val);
  }
  // As it stands in the URL, too: an escaped character makes it another text.
  const auto at = plain.rfind('@', plain.find('?'));
  const auto colon = plain.find(':', plain.find("://") + 3);
  if (at != std::string::npos && colon < at) {
    secrets_.push_back(plain.substr(colon + 1, at - colon - 1));
  }
  std::erase_if(secrets_, [](const std::string& secret) { return secret.empty(); });
  std::ranges::sort(secrets_, std::ranges::greater(), &std::string::size);
  const std::string user = known["user"], host = known["host"], port = known["port"];
  shown_ = fmt::format("postgres://{}{}{}{}{}/{}{}", user, user.empty() ? "" : "@",
                       host.starts_with('/') ? "" : host, port.empty() ? "" : ":", port,
                       known["dbname"], host.starts_with('/') ? "?host=" + host : "");
}

std::string Address::without_secrets(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

}  // namespace holdfast::postgres
