#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>

#include "service/moment.h"

namespace holdfast::service {
namespace {

constexpr std::int64_t kMost = 1'000'000;  // of any unit: more is no moment that anybody means
constexpr int kMostYears = 1'000;

struct Unit {
  std::string_view name;
  int months = 0, days = 0;
  std::int64_t seconds = 0;
};

constexpr auto kUnits = std::to_array<Unit>({{"s", 0, 0, 1},
                                             {"sec", 0, 0, 1},
                                             {"second", 0, 0, 1},
                                             {"m", 0, 0, 60},
                                             {"min", 0, 0, 60},
                                             {"minute", 0, 0, 60},
                                             {"h", 0, 0, 3'600},
                                             {"hr", 0, 0, 3'600},
                                             {"hour", 0, 0, 3'600},
                                             {"d", 0, 1, 0},
                                             {"day", 0, 1, 0},
                                             {"w", 0, 7, 0},
                                             {"week", 0, 7, 0},
                                             {"mo", 1, 0, 0},
                                             {"month", 1, 0, 0},
                                             {"y", 12, 0, 0},
                                             {"yr", 12, 0, 0},
                                             {"year", 12, 0, 0}});

const Unit* find_unit(std::string_view word) {
  for (const Unit& unit : kUnits) {
    if (word == unit.name) return &unit;
    const bool plural = unit.name.size() >= 2 && word.size() == unit.name.size() + 1;
    if (plural && word.starts_with(unit.name) && word.back() == 's') return &unit;
  }
  return nullptr;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  const auto end = std::ranges::find_if_not(text, wanted);
  const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_space(char c) { return c == ' '; }

// "10 minutes", "2h", "1 h 30 min", "an hour".
std::optional<CalendarSpan> parse_age(std::string_view text) {
  CalendarSpan age;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 1;
    if (const auto digits = take_while(text, is_digit); !digits.empty()) {
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (parsed.ec != std::errc{} || number > kMost) return std::nullopt;
    } else if (const auto article = take_while(text, is_letter);
               article != "a" && article != "an") {
      return std::nullopt;
    }
    take_while(text, is_space);
    const Unit* const unit = find_unit(take_while(text, is_letter));
    if (unit == nullptr) return std::nullopt;
    const auto count = static_cast<int>(number);
    age.months += unit->months * count;
    age.days += unit->days * count;
    age.seconds += std::chrono::seconds(unit->seconds * number);
    if (age.months > 12 * kMostYears || age.days > 366 * kMostYears) return std::nullopt;
    take_while(text, is_space);
  }
  return age;
}

std::optional<int> take_number(std::string_view& text, std::size_t width, char after) {
  if (text.size() < width || !std::ranges::all_of(text.substr(0, width), is_digit)) {
    return std::nullopt;
  }
  int number = 0;
  std::from_chars(text.data(), text.data() + width, number);
  text.remove_prefix(width);
  if (after != '\0' && !text.empty()) {
    if (text.front() != after) return std::nullopt;
    text.remove_prefix(1);
  }
  return number;
}

// "2026-11-21 03:24" or "2026-11-21 03:24:15", as a clock on the wall here shows it.
std::optional<Time> parse_local(std::string_view text) {
  constexpr std::size_t kToMinutes = 16, kToSeconds = 19;
  if (text.size() != kToMinutes && text.size() != kToSeconds) return std::nullopt;
  const auto year = take_number(text, 4, '-');
  const auto month = year ? take_number(text, 2, '-') : std::nullopt;
  const auto day = month ? take_number(text, 2, '\0') : std::nullopt;
  if (!day || text.empty() || (text.front() != ' ' && text.front() != 't')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ':');
  const auto minute = hour ? take_number(text, 2, ':') : std::nullopt;
  if (!minute) return std::nullopt;
  const auto second = text.empty() ? std::optional(0) : take_number(text, 2, '\0');
  if (!second || !text.empty() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  std::tm local{};
  local.tm_year = *year - 1900;
  local.tm_mon = *month - 1;
  local.tm_mday = *day;
  local.tm_hour = *hour;
  local.tm_min = *minute;
  local.tm_sec = *second;
  local.tm_isdst = -1;  // whichever applies then
  return Time(std::chrono::seconds(std::mktime(&local)));
}

}  // namespace

std::optional<Time> parse_moment(std::string_view text, Time now) {
  constexpr std::string_view kAgo = "ago";
  std::string said(trimmed(text));
  std::ranges::transform(said, said.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (said == "now") return now;
  if (const auto moment = parse_rfc3339(said)) return moment;
  if (const auto moment = parse_local(said)) return moment;
  if (!said.ends_with(kAgo)) return std::nullopt;
  const auto age = parse_age(trimmed(std::string_view(said).substr(0, said.size() - kAgo.size())));
  if (!age) return std::nullopt;
  return subtract(now, *age);
}

}  // namespace holdfast::service
