#include "base/time.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>

namespace holdfast {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::sys_days;

constexpr Time kMoment = sys_days(std::chrono::November / 21 / 2026) + hours(3) +
                         std::chrono::minutes(24) + std::chrono::seconds(15) + Duration(123'456);

Time at(std::string_view text) {
  const auto parsed = parse_rfc3339(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Time{});
}

std::string minus(std::string_view from, std::string_view span_text) {
  const auto span = parse_span(span_text);
  EXPECT_TRUE(span.has_value()) << span_text;
  return format_rfc3339(subtract(at(from), span.value_or(CalendarSpan{})));
}

TEST(FormatTime, WritesSixDigitsOfTheSecond) {
  EXPECT_EQ(format_rfc3339(kMoment), "2026-11-21T03:24:15.123456Z");
  EXPECT_EQ(format_rfc3339(Time{}), "1970-01-01T00:00:00.000000Z");
}

TEST(FormatTime, CountsBackwardsBeforeTheEpoch) {
  EXPECT_EQ(format_rfc3339(Time(Duration(-1))), "1969-12-31T23:59:59.999999Z");
}

TEST(FormatTime, WritesTheCompactFormInUtc) {
  EXPECT_EQ(format_compact(kMoment), "20261121_032415");
}

TEST(FormatTime, WritesTheLocalFormInTheZoneOfTheProcess) {
  const char* before = std::getenv("TZ");
  const std::string saved = before ? before : "";
  ::setenv("TZ", "XYZ-5:30", 1);
  ::tzset();
  EXPECT_EQ(format_local(kMoment), "2026-11-21 08:54:15");
  before ? ::setenv("TZ", saved.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
}

TEST(ParseTime, ReadsOffsetsFractionsAndLowerCase) {
  EXPECT_EQ(at("2026-11-21T03:24:15.123456Z"), kMoment);
  EXPECT_EQ(at("2026-11-21t03:24:15.123456z"), kMoment);
  EXPECT_EQ(at("2026-11-21T05:24:15.123456+02:00"), kMoment);
  EXPECT_EQ(at("2026-11-20T22:54:15.123456-04:30"), kMoment);
  EXPECT_EQ(at("2026-11-21 03:24:15.123456789123Z"), kMoment);
  EXPECT_EQ(at("2026-11-21T03:24:15.5Z"), kMoment + Duration(500'000 - 123'456));
}

TEST(ParseTime, TakesALeapSecondOnlyAtTheEndOfAUtcDay) {
  EXPECT_EQ(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
  EXPECT_EQ(at("2017-01-01T00:59:60+01:00"), at("2017-01-01T00:00:00Z"));
  EXPECT_FALSE(parse_rfc3339("2016-12-31T12:00:60Z").has_value());
}

TEST(ParseTime, RefusesWhatIsNoMoment) {
  for (const char* text :
       {"", "2026-11-21", "2026-11-21T03:24:15", "2026-11-21T03:24Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T03:60:00Z",
        "2026-11-21T03:24:61Z", "2026-11-21T03:24:15.Z", "2026-11-21T03:24:15Zx",
        "2026-11-21T03:24:15+2:00", "2026-11-21T03:24:15+24:00", "26-11-21T03:24:15Z",
        "2026-11-21T03:24:15+0200", "-026-11-21T03:24:15Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
}

TEST(ParseTime, ReadsWhatFormatWroteForAnyMoment) {
  const auto seed = std::random_device{}();
  std::mt19937_64 random(seed);
  const auto first = at("0000-01-01T00:00:00Z").time_since_epoch().count();
  const auto last = at("9999-12-31T23:59:59.999999Z").time_since_epoch().count();
  std::uniform_int_distribution<std::int64_t> moments(first, last);
  for (int i = 0; i < 10'000; ++i) {
    const Time time{Duration(moments(random))};
    ASSERT_EQ(parse_rfc3339(format_rfc3339(time)), time) << "seed " << seed;
  }
}

TEST(ParseSpan, KnowsEveryUnitAndSums) {
  EXPECT_EQ(parse_span("90s")->seconds, std::chrono::seconds(90));
  EXPECT_EQ(parse_span("15m")->seconds, std::chrono::minutes(15));
  EXPECT_EQ(parse_span("36h")->seconds, hours(36));
  EXPECT_EQ(parse_span("7d")->days, 7);
  EXPECT_EQ(parse_span("2w")->days, 14);
  EXPECT_EQ(parse_span("3mo")->months, 3);
  EXPECT_EQ(parse_span("2y")->years, 2);
  const auto sum = parse_span("1y6mo3d2h30m");
  ASSERT_TRUE(sum.has_value());
  EXPECT_EQ(sum->years, 1);
  EXPECT_EQ(sum->months, 6);
  EXPECT_EQ(sum->days, 3);
  EXPECT_EQ(sum->seconds, hours(2) + std::chrono::minutes(30));
}

TEST(ParseSpan, RefusesWhatIsNoSpanOrTooLong) {
  for (const char* text : {"", "7", "d", "-7d", "7 d", "7D", "1.5h", "7d ", "1y2", "m3", "1-2d",
                           "10000y", "9999y1y", "99999999999999999999s", "9000000000000000000d"}) {
    EXPECT_FALSE(parse_span(text).has_value()) << text;
  }
}

TEST(Subtract, MonthsAndYearsAreCalendarOnes) {
  EXPECT_EQ(minus("2026-03-15T10:20:30Z", "1mo"), "2026-02-15T10:20:30.000000Z");
  EXPECT_EQ(minus("2026-01-15T10:20:30Z", "1y6mo"), "2024-07-15T10:20:30.000000Z");
}

TEST(Subtract, ADayThatTheMonthLacksBecomesItsLast) {
  EXPECT_EQ(minus("2026-03-31T10:00:00Z", "1mo"), "2026-02-28T10:00:00.000000Z");
  EXPECT_EQ(minus("2024-02-29T10:00:00Z", "1y"), "2023-02-28T10:00:00.000000Z");
}

TEST(Subtract, DaysAndSecondsAreExact) {
  EXPECT_EQ(minus("2026-03-01T00:00:00Z", "1d"), "2026-02-28T00:00:00.000000Z");
  EXPECT_EQ(minus("2026-03-01T00:00:00.5Z", "1s"), "2026-02-28T23:59:59.500000Z");
}

TEST(Subtract, TheLongestSpanStaysInRange) {
  EXPECT_LT(subtract(kMoment, *parse_span("9999y119988mo3659634d316192377600s")), kMoment);
}

}  // namespace
}  // namespace holdfast
