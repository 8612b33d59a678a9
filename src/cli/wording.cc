#include "cli/wording.h"

#include <fmt/format.h>

#include <cmath>

namespace holdfast::cli {

std::string with_separators(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string counted(std::uint64_t number, std::string_view singular) {
  return fmt::format("{} {}{}", with_separators(number), singular, number == 1 ? "" : "s");
}

std::string format_seconds(double seconds) {
  if (!(seconds >= 0)) return "0 ms";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string format_days(double days) {
  if (days < 2) return counted(static_cast<std::uint64_t>(days * 24), "hour");
  if (days < 730) return counted(static_cast<std::uint64_t>(days), "day");
  if (days < 365.25 * 1000) return fmt::format("{:.1f} years", days / 365.25);
  return "more than 1,000 years";
}

std::string format_percent(double percent) {
  if (percent == 0 || percent >= 9.95) return fmt::format("{:.0f} %", percent);
  return percent < 0.095 ? fmt::format("{:.2g} %", percent) : fmt::format("{:.1f} %", percent);
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7F) result[i] = '?';
    // U+0080 … U+009F, in UTF-8.
    const auto next = i + 1 < result.size() ? static_cast<unsigned char>(result[i + 1]) : 0u;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) result.replace(i, 2, "?");
  }
  return result;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) == 0x80) continue;
    // U+0300 … U+036F are put over the letter before them.
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0u;
    if (byte == 0xCC || (byte == 0xCD && next < 0xB0)) continue;
    ++width;
  }
  return width;
}

}  // namespace holdfast::cli
