#include "postgres/document_numbers.h"

#include <gtest/gtest.h>

namespace holdfast::postgres {
namespace {

std::string zeros(int count) { return std::string(static_cast<std::size_t>(count), '0'); }

TEST(DocumentNumbers, ShortensWhatADoubleIsExactly) {
  EXPECT_EQ(with_readable_numbers("[1" + zeros(300) + ", -25" + zeros(40) + "]"),
            "[1e+300, -2.5e+41]");
}

TEST(DocumentNumbers, LeavesAloneWhatNoDoubleIs) {
  for (const std::string text :
       {"[123456789012345678901234567890]", "[9223372036854775807, -9223372036854775808]",
        "[0.10000000000000000000000000000001, 1.50, 0]"}) {
    EXPECT_EQ(with_readable_numbers(text), text);
  }
  EXPECT_EQ(with_readable_numbers("1" + zeros(400)), "1" + zeros(400));
}

TEST(DocumentNumbers, LeavesStringsAlone) {
  const std::string text = R"({"a\"1)" + zeros(30) + R"(": "\\", "1)" + zeros(30) + R"(": null})";
  EXPECT_EQ(with_readable_numbers(text), text);
}

}  // namespace
}  // namespace holdfast::postgres
