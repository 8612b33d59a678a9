#include "cli/policy_flags.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::cli {
namespace {

TEST(RateFlag, IsMegabytesASecond) {
  EXPECT_DOUBLE_EQ(0, parse_rate("--limit-upload", ""));
  EXPECT_DOUBLE_EQ(2.5e6, parse_rate("--limit-upload", "2.5"));
  for (const char* text : {"0", "-1", "fast", "5MB", "nan", "inf", "1e9"}) {
    EXPECT_THROW(parse_rate("--limit-upload", text), Error) << text;
  }
}

TEST(PolicyFlags, AreNoPolicyWhenNoneIsSaid) { EXPECT_FALSE(parse_policy({})); }

TEST(PolicyFlags, MakeAPolicy) {
  KeepFlags flags;
  flags.last = "3";
  flags.monthly = "all";
  flags.yearly = "-1";
  flags.within = "30d";
  flags.tags = {"release"};
  const auto policy = parse_policy(flags);
  ASSERT_TRUE(policy);
  EXPECT_EQ(3, policy->last);
  EXPECT_EQ(0, policy->daily);
  EXPECT_EQ(-1, policy->monthly);
  EXPECT_EQ(-1, policy->yearly);
  EXPECT_EQ(30, policy->within->days);
  EXPECT_EQ(1u, policy->tags.size());
}

TEST(PolicyFlags, RefuseWhatIsNoCount) {
  for (const char* count : {"-2", "1.5", "many", "3 ", "99999999999"}) {
    KeepFlags flags;
    flags.daily = count;
    EXPECT_THROW(parse_policy(flags), Error) << count;
  }
}

TEST(PolicyFlags, RefuseWhatIsNoSpan) {
  KeepFlags flags;
  flags.within = "a while";
  EXPECT_THROW(parse_policy(flags), Error);
}

TEST(PolicyFlags, RefuseToKeepNothing) {
  KeepFlags flags;
  flags.last = "0";
  EXPECT_THROW(parse_policy(flags), Error);
}

TEST(Percent, MayHaveItsSign) {
  EXPECT_DOUBLE_EQ(12.5, parse_percent("--read-data", "12.5%", 0.001));
  EXPECT_DOUBLE_EQ(100, parse_percent("--read-data", "100", 0.001));
}

TEST(Percent, StaysInItsBounds) {
  for (const char* text : {"0", "101", "-1", "nan", "x", ""}) {
    EXPECT_THROW(parse_percent("--read-data", text, 0.001), Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::cli
