#include "base/bytes.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/test_errors.h"

namespace holdfast {
namespace {

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Hex, IsLowerCaseAndReversible) {
  const Bytes bytes = bytes_of({0x00, 0x0f, 0xa5, 0xff});
  EXPECT_EQ(to_hex(bytes), "000fa5ff");
  Bytes back(4);
  EXPECT_TRUE(from_hex("000FA5ff", back));
  EXPECT_EQ(back, bytes);
}

TEST(Hex, RefusesAnotherLengthOrAnotherDigit) {
  Bytes out(2);
  EXPECT_FALSE(from_hex("00112", out));
  EXPECT_FALSE(from_hex("001122", out));
  EXPECT_FALSE(from_hex("00", out));
  EXPECT_FALSE(from_hex("001g", out));
}

TEST(Base64, MatchesTheExamplesOfRfc4648) {
  const std::pair<std::string_view, std::string_view> examples[] = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    EXPECT_EQ(as_text(from_base64(coded)), plain);
  }
}

TEST(Base64, RefusesEveryOtherForm) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "=Zg=", "Z===", "Zm9v\n", "Zm-v", "Zh==", "Zm9=", "Zg==Zg=="}) {
    EXPECT_EQ(code_of([&] { from_base64(text); }), ErrorCode::kDamagedObject) << text;
  }
}

TEST(BigEndian, LoadsWhatSqliteWrites) {
  const Bytes bytes = bytes_of({0x12, 0x34, 0x56, 0x78});
  EXPECT_EQ(load_be16(bytes.data()), 0x1234);
  EXPECT_EQ(load_be32(bytes.data()), 0x12345678u);
}

TEST(ByteReader, ReadsBackWhatByteWriterWrote) {
  ByteWriter writer;
  writer.number<std::uint16_t>(0xbeef);
  writer.number<std::int64_t>(-5);
  writer.varint(300);
  writer.raw(as_bytes("tail"));
  const Bytes bytes = writer.take();
  ByteReader reader(bytes, "sample");
  EXPECT_EQ(reader.number<std::uint16_t>(), 0xbeef);
  EXPECT_EQ(reader.number<std::int64_t>(), -5);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(as_text(reader.raw(4)), "tail");
  EXPECT_TRUE(reader.at_end());
  EXPECT_NO_THROW(reader.expect_end());
}

TEST(ByteReader, ReadsBackEveryLengthOfVarint) {
  const auto seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t value = bits == 0 ? 0 : random() >> (64 - bits);
    ByteWriter writer;
    writer.varint(value);
    ByteReader reader(writer.bytes(), "number");
    EXPECT_EQ(reader.varint(), value) << "seed " << seed;
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(ByteReader, RefusesAnOverlongOrEndlessVarint) {
  const Bytes overlong = bytes_of({0x80, 0x00});
  const Bytes too_large = bytes_of({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02});
  const Bytes endless(11, std::byte{0xff});
  const Bytes cut = bytes_of({0x80});
  for (const Bytes* bytes : {&overlong, &too_large, &endless, &cut}) {
    EXPECT_EQ(code_of([&] { ByteReader(*bytes, "number").varint(); }), ErrorCode::kDamagedObject);
  }
}

TEST(ByteReader, NamesTheObjectThatEndsTooEarly) {
  const Bytes bytes(3);
  ByteReader reader(bytes, "index 12ab");
  try {
    reader.number<std::uint64_t>();
    FAIL() << "read out of bounds";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamagedObject);
    EXPECT_EQ(error.happened(), "index 12ab ends 5 bytes too early");
  }
}

TEST(ByteReader, RefusesASizeThatWouldWrapAround) {
  const Bytes bytes(3);
  ByteReader reader(bytes, "pack");
  EXPECT_EQ(code_of([&] { reader.raw(std::numeric_limits<std::size_t>::max()); }),
            ErrorCode::kDamagedObject);
}

TEST(ByteReader, RefusesBytesThatAreLeftOver) {
  const Bytes bytes(3);
  const ByteReader reader(bytes, "pack");
  EXPECT_EQ(code_of([&] { reader.expect_end(); }), ErrorCode::kDamagedObject);
}

}  // namespace
}  // namespace holdfast
