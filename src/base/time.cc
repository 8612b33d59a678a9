#include "base/time.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <ctime>

namespace holdfast {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

struct Civil {
  int year;
  unsigned month, day;
  std::int64_t hour, minute, second, microsecond;
};

Civil civil(Time time) {
  const auto date = std::chrono::floor<days>(time);
  const year_month_day ymd(date);
  const std::chrono::hh_mm_ss clock(time - date);
  return {static_cast<int>(ymd.year()),     static_cast<unsigned>(ymd.month()),
          static_cast<unsigned>(ymd.day()), clock.hours().count(),
          clock.minutes().count(),          clock.seconds().count(),
          clock.subseconds().count()};
}

// Takes fixed-width fields off the front of a text; once one does not fit, all later ones fail too.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    int value = 0;
    if (rest_.size() < count) ok_ = false;
    for (std::size_t i = 0; ok_ && i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') ok_ = false;
      value = value * 10 + (rest_[i] - '0');
    }
    if (ok_) rest_.remove_prefix(count);
    return ok_ ? value : 0;
  }
  // The character, if it is one of `choices`.
  char one_of(std::string_view choices) {
    if (!ok_ || rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) {
      ok_ = false;
      return '\0';
    }
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  bool next_is(char wanted) const { return ok_ && !rest_.empty() && rest_.front() == wanted; }
  bool next_is_digit() const {
    return ok_ && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// More than 9,999 years leave the calendar that std::chrono can count.
constexpr std::int64_t kMostYears = 9'999;

bool add_to(CalendarSpan& span, std::int64_t number, std::string_view unit) {
  const auto add = [number](int& field, std::int64_t factor, std::int64_t most) {
    if (number > most / factor) return false;
    const std::int64_t sum = field + number * factor;
    field = static_cast<int>(sum);
    return sum <= most;
  };
  const auto add_seconds = [&](std::int64_t factor) {
    constexpr std::int64_t kMost = kMostYears * 366 * 86'400;
    if (number > kMost / factor) return false;
    span.seconds += seconds(number * factor);
    return span.seconds.count() <= kMost;
  };
  if (unit == "s") return add_seconds(1);
  if (unit == "m") return add_seconds(60);
  if (unit == "h") return add_seconds(3600);
  if (unit == "d") return add(span.days, 1, kMostYears * 366);
  if (unit == "w") return add(span.days, 7, kMostYears * 366);
  if (unit == "mo") return add(span.months, 1, kMostYears * 12);
  if (unit == "y") return add(span.years, 1, kMostYears);
  return false;
}

}  // namespace

std::string format_rfc3339(Time time) {
  const Civil c = civil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", c.year, c.month, c.day, c.hour,
                     c.minute, c.second, c.microsecond);
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  Fields fields(text);
  const int year = fields.digits(4);
  fields.one_of("-");
  const int month = fields.digits(2);
  fields.one_of("-");
  const int day = fields.digits(2);
  fields.one_of("Tt ");
  const int hour = fields.digits(2);
  fields.one_of(":");
  const int minute = fields.digits(2);
  fields.one_of(":");
  const int second = fields.digits(2);
  Duration fraction{0};
  if (fields.next_is('.')) {
    fields.one_of(".");
    std::int64_t weight = 100'000;
    fraction += Duration(fields.digits(1) * weight);
    while (fields.next_is_digit()) {
      weight /= 10;
      fraction += Duration(fields.digits(1) * weight);
    }
  }
  minutes offset{0};
  const char zone = fields.one_of("Zz+-");
  if (zone == '+' || zone == '-') {
    const int offset_hours = fields.digits(2);
    fields.one_of(":");
    const int offset_minutes = fields.digits(2);
    if (offset_hours > 23 || offset_minutes > 59) return std::nullopt;
    offset = hours(offset_hours) + minutes(offset_minutes);
    if (zone == '-') offset = -offset;
  }
  if (!fields.complete()) return std::nullopt;

  const year_month_day date(std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto to_minute = sys_days(date) + hours(hour) + minutes(minute) - offset;
  // A leap second ends a UTC day; there is no other 60th second.
  if (second == 60 && (to_minute + minutes(1)) != std::chrono::floor<days>(to_minute) + days(1)) {
    return std::nullopt;
  }
  return Time(to_minute + seconds(second) + fraction);
}

std::string format_compact(Time time) {
  const Civil c = civil(time);
  return fmt::format("{:04}{:02}{:02}_{:02}{:02}{:02}", c.year, c.month, c.day, c.hour, c.minute,
                     c.second);
}

std::string format_local(Time time) {
  const std::time_t moment = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&moment, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
}

std::optional<CalendarSpan> parse_span(std::string_view text) {
  if (text.empty()) return std::nullopt;
  CalendarSpan span;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || text.front() == '-') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t unit_size = std::min(text.find_first_of("0123456789"), text.size());
    if (!add_to(span, number, text.substr(0, unit_size))) return std::nullopt;
    text.remove_prefix(unit_size);
  }
  return span;
}

Time subtract(Time from, const CalendarSpan& span) {
  const auto midnight = std::chrono::floor<days>(from);
  year_month_day date(midnight);
  date -= std::chrono::years(span.years);
  date -= std::chrono::months(span.months);
  // A month before 31 March is the last day of February.
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
  return Time(sys_days(date) + (from - midnight) - days(span.days) - span.seconds);
}

}  // namespace holdfast
