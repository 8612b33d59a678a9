#include "base/size.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace holdfast {
namespace {

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t bytes;
};

constexpr auto kUnits = std::to_array<Unit>({
    {"", 1},
    {"b", 1},
    {"kb", 1'000},
    {"mb", 1'000'000},
    {"gb", 1'000'000'000},
    {"tb", 1'000'000'000'000},
    {"pb", 1'000'000'000'000'000},
    {"eb", 1'000'000'000'000'000'000},
    {"kib", std::uint64_t{1} << 10},
    {"mib", std::uint64_t{1} << 20},
    {"gib", std::uint64_t{1} << 30},
    {"tib", std::uint64_t{1} << 40},
    {"pib", std::uint64_t{1} << 50},
    {"eib", std::uint64_t{1} << 60},
});

}  // namespace

std::string format_size(std::uint64_t bytes) {
  constexpr auto kNames = std::to_array<std::string_view>({"kB", "MB", "GB", "TB", "PB", "EB"});
  if (bytes < 1000) return fmt::format("{} B", bytes);
  std::uint64_t unit = 1000;
  for (std::size_t i = 0;; ++i, unit *= 1000) {
    std::uint64_t whole = bytes / unit;
    std::uint64_t tenths = (bytes % unit * 10 + unit / 2) / unit;
    whole += tenths / 10;
    tenths %= 10;
    // Rounding may have made a thousand of it: 999,950 bytes are 1 MB.
    if (whole >= 1000 && i + 1 < kNames.size()) continue;
    return tenths == 0 ? fmt::format("{} {}", whole, kNames[i])
                       : fmt::format("{}.{} {}", whole, tenths, kNames[i]);
  }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
  std::string name(rest);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& candidate) { return candidate.name == name; });
  if (unit == kUnits.end()) return std::nullopt;
  constexpr auto kLimit = std::uint64_t{1} << 63;
  if (number > kLimit / unit->bytes) return std::nullopt;
  return number * unit->bytes;
}

}  // namespace holdfast
