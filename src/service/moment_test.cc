#include "service/moment.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

namespace holdfast::service {
namespace {

constexpr const char* kNow = "2026-11-21T03:24:15.500000Z";

std::string meant(std::string_view text) {
  const auto moment = parse_moment(text, parse_rfc3339(kNow).value());
  return moment ? format_rfc3339(*moment) : "";
}

class LocalMoment : public testing::Test {
 protected:
  LocalMoment() {
    if (const char* before = ::getenv("TZ")) saved_ = before;
    ::setenv("TZ", "XYZ-5:30", 1);
    ::tzset();
  }
  ~LocalMoment() override {
    saved_.empty() ? ::unsetenv("TZ") : ::setenv("TZ", saved_.c_str(), 1);
    ::tzset();
  }

 private:
  std::string saved_;
};

TEST(ParseMoment, TakesAnyRfc3339Moment) {
  EXPECT_EQ(meant("2026-11-21T03:24:15Z"), "2026-11-21T03:24:15.000000Z");
  EXPECT_EQ(meant(" 2026-11-21 03:24:15.25+02:00 "), "2026-11-21T01:24:15.250000Z");
}

TEST(ParseMoment, CountsBackFromNow) {
  struct Case {
    const char* text;
    const char* moment;
  };
  for (const Case& one : {Case{"now", kNow},
                          {"10 minutes ago", "2026-11-21T03:14:15.500000Z"},
                          {"10min ago", "2026-11-21T03:14:15.500000Z"},
                          {"2h ago", "2026-11-21T01:24:15.500000Z"},
                          {"1 h 30 min ago", "2026-11-21T01:54:15.500000Z"},
                          {"90 Seconds AGO", "2026-11-21T03:22:45.500000Z"},
                          {"an hour ago", "2026-11-21T02:24:15.500000Z"},
                          {"1 day ago", "2026-11-20T03:24:15.500000Z"},
                          {"2 weeks ago", "2026-11-07T03:24:15.500000Z"},
                          {"1 month ago", "2026-10-21T03:24:15.500000Z"},
                          {"1 year ago", "2025-11-21T03:24:15.500000Z"},
                          {"0s ago", kNow}}) {
    EXPECT_EQ(meant(one.text), one.moment) << one.text;
  }
}

TEST_F(LocalMoment, IsWhatAClockOnTheWallShows) {
  EXPECT_EQ(meant("2026-11-21 08:54"), "2026-11-21T03:24:00.000000Z");
  EXPECT_EQ(meant("2026-11-21 08:54:15"), "2026-11-21T03:24:15.000000Z");
  EXPECT_EQ(meant("2026-11-21T08:54:15"), "2026-11-21T03:24:15.000000Z");
}

TEST(ParseMoment, RefusesWhatIsNoMoment) {
  for (const char* text : {"",
                           "ago",
                           "minutes ago",
                           "10 ago",
                           "10 minutes",
                           "-10 minutes ago",
                           "10 parsecs ago",
                           "the hour ago",
                           "2026-11-21",
                           "2026-11-21 03",
                           "2026-11-21 03:24:",
                           "2026-11-21 24:00",
                           "2026-11-21 03:60",
                           "2026-02-29 03:24",
                           "2026-11-21 03:24:15x",
                           "2026-11-2103:24:15:1",
                           "99999999999999999999 hours ago",
                           "1000000 years ago",
                           "10 minutes ago now",
                           "tomorrow"}) {
    EXPECT_EQ(meant(text), "") << text;
  }
}

}  // namespace
}  // namespace holdfast::service
