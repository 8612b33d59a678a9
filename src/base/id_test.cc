#include "base/id.h"

#include <gtest/gtest.h>

#include <type_traits>
#include <unordered_set>

namespace holdfast {
namespace {

constexpr std::string_view kHex = "00112233445566778899aabbccddeeff";

TEST(Id, IsReadFromAndWrittenAsHexadecimal) {
  const auto id = BlobId::from_hex(kHex);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->hex(), kHex);
  EXPECT_EQ(id->short_hex(), "00112233");
}

TEST(Id, IsReadFromItsBytes) {
  const auto id = BlobId::from_hex(kHex);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(BlobId::from_bytes(id->view()), *id);
}

TEST(Id, RefusesAnythingButThirtyTwoDigits) {
  EXPECT_FALSE(BlobId::from_hex("").has_value());
  EXPECT_FALSE(BlobId::from_hex(kHex.substr(1)).has_value());
  EXPECT_FALSE(BlobId::from_hex(std::string(kHex) + "0").has_value());
  EXPECT_FALSE(BlobId::from_hex("x" + std::string(kHex.substr(1))).has_value());
}

TEST(Id, OfOneKindIsNotConvertibleToAnother) {
  EXPECT_FALSE((std::is_convertible_v<BlobId, PackId>));
}

TEST(Id, IsOrderedByItsBytesAndHashable) {
  const auto low = *BlobId::from_hex(kHex);
  auto high = low;
  high.bytes[0] = std::byte{0xff};
  EXPECT_LT(low, high);
  EXPECT_EQ((std::unordered_set<BlobId>{low, high, low}.size()), 2u);
}

}  // namespace
}  // namespace holdfast
