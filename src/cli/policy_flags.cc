#include "cli/policy_flags.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/time.h"
#include "storage/throttled_store.h"

namespace holdfast::cli {
namespace {

Error usage(std::string happened) {
  return Error(ErrorCode::kUsage, std::move(happened), {}, "See `holdfast forget --help`.");
}

int parse_count(std::string_view option, std::string_view text) {
  if (text.empty()) return 0;
  if (text == "all" || text == "unlimited" || text == "-1") return -1;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count < 0) {
    throw usage(fmt::format("{} takes a number or \"all\", not \"{}\"", option, text));
  }
  return count;
}

}  // namespace

std::optional<repository::RetentionPolicy> parse_policy(const KeepFlags& flags) {
  const bool said = !flags.last.empty() || !flags.hourly.empty() || !flags.daily.empty() ||
                    !flags.weekly.empty() || !flags.monthly.empty() || !flags.yearly.empty() ||
                    !flags.within.empty() || !flags.tags.empty();
  if (!said) return std::nullopt;
  repository::RetentionPolicy policy;
  policy.last = parse_count("--keep-last", flags.last);
  policy.hourly = parse_count("--keep-hourly", flags.hourly);
  policy.daily = parse_count("--keep-daily", flags.daily);
  policy.weekly = parse_count("--keep-weekly", flags.weekly);
  policy.monthly = parse_count("--keep-monthly", flags.monthly);
  policy.yearly = parse_count("--keep-yearly", flags.yearly);
  if (!flags.within.empty()) {
    policy.within = parse_span(flags.within);
    if (!policy.within) {
      throw usage(fmt::format("--keep-within takes a span such as 30d, 36h or 1y6mo, not \"{}\"",
                              flags.within));
    }
  }
  policy.tags = flags.tags;
  if (policy.empty()) throw usage("this policy would keep nothing");
  return policy;
}

double parse_percent(std::string_view option, std::string_view text, double least) {
  std::string_view number = text;
  if (number.ends_with('%')) number.remove_suffix(1);
  double percent = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent);
  if (error != std::errc{} || end != number.data() + number.size() ||
      !(percent >= least && percent <= 100)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} takes a percentage up to 100, not \"{}\"", option, text));
  }
  return percent;
}

double parse_rate(std::string_view option, std::string_view text) {
  if (text.empty()) return 0;
  double megabytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), megabytes);
  if (error != std::errc{} || end != text.data() + text.size() ||
      !(megabytes > 0 && megabytes <= storage::kMostMegabytesASecond)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} takes a number of megabytes a second, not \"{}\"", option, text));
  }
  return megabytes * 1e6;
}

}  // namespace holdfast::cli
