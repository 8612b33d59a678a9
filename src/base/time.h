// Moments and their written forms. All times are UTC; people's local time is for display only.
#ifndef HOLDFAST_BASE_TIME_H_
#define HOLDFAST_BASE_TIME_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

// "2026-11-21T03:24:15.123456Z" (RFC 3339); fractional seconds are always six digits.
std::string format_rfc3339(Time time);
// Accepts any RFC 3339 moment with an offset; empty for anything else.
std::optional<Time> parse_rfc3339(std::string_view text);
// "20261121_032415", in UTC, for names of snapshots.
std::string format_compact(Time time);
// "2026-11-21 03:24:15" in the local time zone, for people.
std::string format_local(Time time);

// "90s", "15m", "36h", "7d", "2w", "3m" is minutes; months are "mo", years "y"; and sums such as
// "1y6mo". Months and years are calendar ones when applied to a moment: see subtract().
struct CalendarSpan {
  int years = 0, months = 0, days = 0;
  std::chrono::seconds seconds{0};
};
std::optional<CalendarSpan> parse_span(std::string_view text);
Time subtract(Time from, const CalendarSpan& span);

}  // namespace holdfast

#endif  // HOLDFAST_BASE_TIME_H_
