#include "sqlite/record.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Record, ReadsIntegersOfEverySize) {
  const Bytes bytes = bytes_of({8,    0,    1,    2,    3,    5,    8, 9,  //
                                0xff, 0x80, 0x00, 0x01, 0x02, 0x03,        //
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xfe});
  const Record record(bytes, 7, TextEncoding::kUtf8);
  EXPECT_EQ(record.integer(0), 0);
  EXPECT_EQ(record.integer(1), -1);
  EXPECT_EQ(record.integer(2), -32768);
  EXPECT_EQ(record.integer(3), 0x010203);
  EXPECT_EQ(record.integer(4), -2);
  EXPECT_EQ(record.integer(5), 0);
  EXPECT_EQ(record.integer(6), 1);
}

TEST(Record, ReplacesHalfASurrogatePair) {
  const Bytes bytes = bytes_of({2, 13 + 2 * 4, 'a', 0, 0x3e, 0xd8});
  EXPECT_EQ(Record(bytes, 1, TextEncoding::kUtf16LittleEndian).text(0), "a\xef\xbf\xbd");
}

TEST(Record, NeverReadsPastTheEnd) {
  const Bytes whole = bytes_of({3, 0x81, 13, 1, 2, 3});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    EXPECT_THROW(Record(ByteView(whole).first(size), 1, TextEncoding::kUtf8), Error) << size;
  }
  EXPECT_THROW(Record(bytes_of({0, 0}), 1, TextEncoding::kUtf8), Error);
  EXPECT_THROW(Record(bytes_of({2, 1}), 1, TextEncoding::kUtf8), Error);
  EXPECT_THROW(RecordReader(bytes_of({0xff, 0xff})).varint(), Error);
}

TEST(RecordReader, ReadsVarintsOfUpToNineBytes) {
  const Bytes bytes =
      bytes_of({0x81, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7});
  RecordReader reader(bytes);
  EXPECT_EQ(reader.varint(), 128);
  EXPECT_EQ(reader.varint(), ~std::uint64_t{0});
  EXPECT_EQ(reader.varint(), 7);
}

}  // namespace
}  // namespace holdfast::sqlite
