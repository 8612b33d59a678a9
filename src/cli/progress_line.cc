#include "cli/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/size.h"
#include "cli/wording.h"

namespace holdfast::cli {
namespace {

std::string time_left(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::min(seconds, 360'000.0)));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02} left", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02} left", whole / 60, whole % 60);
}

std::string bar(double share, unsigned width) {
  const auto full = static_cast<unsigned>(share * width);
  std::string result;
  for (unsigned i = 0; i < width; ++i) result += i < full ? "█" : "░";
  return result;
}

}  // namespace

std::string progress_line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                          double seconds, unsigned width) {
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string numbers;
  double share = 0;
  if (total > 0) {
    share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    numbers = fmt::format("{:3.0f} %", std::floor(share * 100));
  } else if (done > 0) {
    numbers = format_size(done);
  } else if (seconds >= 1) {
    numbers = format_seconds(seconds);
  }
  if (done > 0) numbers += fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(rate)));
  if (total > done && rate > 0) {
    numbers += fmt::format("  {}", time_left(static_cast<double>(total - done) / rate));
  }
  constexpr unsigned kWidestBar = 30, kNarrowestBar = 5, kGaps = 5;
  const auto fixed = static_cast<unsigned>(display_width(stage) + display_width(numbers)) + kGaps;
  if (total > 0 && width > fixed + kNarrowestBar) {
    return fmt::format("{}  {}  {}", stage, bar(share, std::min(kWidestBar, width - fixed)),
                       numbers);
  }
  std::string line = numbers.empty() ? std::string(stage) : fmt::format("{}  {}", stage, numbers);
  if (display_width(line) >= width) {
    line = numbers;
    if (line.size() >= width) line.resize(width > 0 ? width - 1 : 0);
  }
  return line;
}

}  // namespace holdfast::cli
