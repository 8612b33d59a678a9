#include "repository/text_rules.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "base/error.h"

namespace holdfast::repository {
namespace {

// Takes one character off the front of `text`; empty if its bytes are not UTF-8.
std::optional<std::uint32_t> take_character(std::string_view& text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const std::uint8_t first = byte(0);
  const std::size_t length = first < 0x80                     ? 1
                             : first >= 0xC2 && first <= 0xDF ? 2
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 0;
  if (length == 0 || length > text.size()) return std::nullopt;
  std::uint32_t code = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return std::nullopt;
  text.remove_prefix(length);
  return code;
}

bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

bool is_printable_text(std::string_view text) {
  while (!text.empty()) {
    const std::optional<std::uint32_t> code = take_character(text);
    if (!code || is_control(*code)) return false;
  }
  return true;
}

void check_printable(std::string_view what, std::string_view text, std::size_t most_bytes) {
  const auto refuse = [&](std::string_view problem) {
    throw Error(ErrorCode::kUsage, fmt::format("{} {}", what, problem));
  };
  if (text.empty()) refuse("is empty");
  if (text.size() > most_bytes) {
    refuse(fmt::format("has {} bytes; at most {} are allowed", text.size(), most_bytes));
  }
  if (!is_printable_text(text)) refuse("has control characters or is not valid UTF-8");
  if (text.front() == ' ' || text.back() == ' ') refuse("begins or ends with a space");
}

}  // namespace holdfast::repository
