#include "base/size.h"

#include <gtest/gtest.h>

#include <limits>

namespace holdfast {
namespace {

TEST(FormatSize, UsesPowersOfAThousandAndAtMostOneDecimal) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(999), "999 B");
  EXPECT_EQ(format_size(1000), "1 kB");
  EXPECT_EQ(format_size(1500), "1.5 kB");
  EXPECT_EQ(format_size(506'240'000), "506.2 MB");
  EXPECT_EQ(format_size(1'380'000'000), "1.4 GB");
}

TEST(FormatSize, RoundsUpIntoTheNextUnitInsteadOfSayingAThousand) {
  EXPECT_EQ(format_size(999'949), "999.9 kB");
  EXPECT_EQ(format_size(999'950), "1 MB");
  EXPECT_EQ(format_size(999'999'999'999), "1 TB");
}

TEST(FormatSize, HoldsTheLargestNumber) {
  EXPECT_EQ(format_size(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

TEST(ParseSize, ReadsPlainNumbersAndBothKindsOfUnitsInAnyCase) {
  EXPECT_EQ(parse_size("512"), 512u);
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("512B"), 512u);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("1 GB"), 1'000'000'000u);
  EXPECT_EQ(parse_size("16MiB"), 16u << 20);
  EXPECT_EQ(parse_size("16mib"), 16u << 20);
  EXPECT_EQ(parse_size("3 kb"), 3000u);
}

TEST(ParseSize, RefusesWhatIsNotExactlyASize) {
  for (const char* text : {"", " ", "MB", "-1", "+1", "1.5GB", "1 ", "1  GB", " 1", "1 GB ", "10M",
                           "10 bytes", "0x10"}) {
    EXPECT_FALSE(parse_size(text).has_value()) << '"' << text << '"';
  }
}

TEST(ParseSize, RefusesWhatIsBeyondTwoToThe63rd) {
  EXPECT_EQ(parse_size("8EiB"), std::uint64_t{1} << 63);
  EXPECT_FALSE(parse_size("9EiB").has_value());
  EXPECT_FALSE(parse_size("9223372036854775809").has_value());
  EXPECT_FALSE(parse_size("99999999999999999999999").has_value());
}

}  // namespace
}  // namespace holdfast
