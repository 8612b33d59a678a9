#include "postgres/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
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

constexpr std::string_view kSearchPath = "search_path=";

// What %41 stands for. Anything else is left as it is.
std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned byte = 0;
    const auto digits = text.substr(at).size() > 2 ? text.substr(at + 1, 2) : std::string_view();
    const auto end = digits.data() + digits.size();
    if (text[at] == '%' && digits.size() == 2 &&
        std::from_chars(digits.data(), end, byte, 16).ptr == end) {
      plain += static_cast<char>(byte);
      at += 2;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

// Takes the parameter out of the URL: libpq knows none of this name. The last one counts.
std::string take_search_path(std::string& url) {
  std::string path;
  for (std::size_t at = url.find('?'); at < url.size();) {
    const std::size_t end = std::min(url.find('&', at + 1), url.size());
    if (url.compare(at + 1, kSearchPath.size(), kSearchPath) != 0) {
      at = end;
      continue;
    }
    const std::size_t value = at + 1 + kSearchPath.size();
    path = decoded(std::string_view(url).substr(value, end - value));
    // With the mark before it, save the '?' that others stand behind.
    const bool first = url[at] == '?' && end < url.size();
    url.erase(first ? at + 1 : at, end - at);
  }
  return path;
}

}  // namespace

bool is_address(std::string_view text) { return !scheme_of(text).empty(); }

Address::Address(std::string_view url) {
  const auto rest = url.find("://");
  std::string plain =
      rest == std::string_view::npos ? std::string() : "postgresql" + std::string(url.substr(rest));
  search_path_ = take_search_path(plain);
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

std::string with_search_path(std::string_view url, std::string_view search_path) {
  std::string text(url);
  text += fmt::format("{}{}", url.find('?') == std::string_view::npos ? '?' : '&', kSearchPath);
  for (const char c : search_path) {
    text += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

}  // namespace holdfast::postgres
