#include "engine/records/json_reader.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace holdfast::engine {
namespace {

constexpr std::size_t kDeepestRead = 8;

// Of what the general parser makes of it, bit for bit.
void expect_read_alike(const std::string& text) {
  const auto read = read_json(text, kDeepestRead);
  const Record wanted = Record::parse(text, nullptr, false);
  ASSERT_TRUE(read) << text;
  EXPECT_EQ(*read, wanted) << text;
  EXPECT_EQ(read->type(), wanted.type()) << text;
  EXPECT_EQ(read->dump(), wanted.dump()) << text;
}

TEST(JsonReaderTest, ReadsWhatTheGeneralParserReads) {
  for (const char* text : {"null",
                           " true ",
                           "false",
                           "0",
                           "-0",
                           "-1",
                           "18446744073709551615",
                           "-9223372036854775808",
                           "0.5",
                           "-0.0",
                           "1e3",
                           "1E+3",
                           "1.25e-7",
                           "5e-324",
                           "1.7976931348623157e308",
                           "\"\"",
                           R"("a\"\\\/\b\f\n\r\t")",
                           R"("\u00e9\u20AC\ud83d\ude00\u0000")",
                           "\"é€😀\"",
                           "[]",
                           "{}",
                           "[ 1 , [ ] , { } ]",
                           R"( { "a" : 1 , "" : [ null ] , "b" : { "c" : "d" } } )",
                           "[[[[[[[[1]]]]]]]]"}) {
    expect_read_alike(text);
  }
}

TEST(JsonReaderTest, LeavesTheRestToIt) {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "truex",
                           "01",
                           "-01",
                           "-",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x1",
                           "NaN",
                           "18446744073709551616",
                           "-9223372036854775809",
                           "1e999",
                           "\"a",
                           "\"\x01\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\ud83d\"",
                           "\"\\ud83dx\"",
                           "\"\\ude00\"",
                           "\"\\ud83d\\u0041\"",
                           "\"\xC3\"",
                           "\"\xC0\x80\"",
                           "\"\xED\xA0\x80\"",
                           "[1",
                           "[1,]",
                           "[1 2]",
                           "[,]",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\":1 \"b\":2}",
                           R"({"a":1,"a":1})",
                           "[[[[[[[[[1]]]]]]]]]",
                           "1 2",
                           "[1]x",
                           "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(read_json(text, kDeepestRead)) << text;
  }
}

TEST(JsonReaderTest, AgreesWithItAboutAnyText) {
  constexpr std::array<const char*, 24> kPieces = {
      "{",     "}",  "[",       "]",       ",",    ":", "\"",   "\"a\"",
      "\"b\"", "\\", "\\u00e9", "\\ud83d", "1",    "-", "0",    ".5",
      "e3",    " ",  "\n",      "true",    "null", "é", "\xC3", "18446744073709551615"};
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::size_t read_by_both = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (auto left = random() % 9 + 1; left > 0; --left) text += kPieces[random() % kPieces.size()];
    const auto read = read_json(text, kDeepestRead);
    if (!read) continue;
    ++read_by_both;
    ASSERT_TRUE(Record::accept(text)) << text;
    ASSERT_EQ(read->dump(), Record::parse(text).dump()) << text;
  }
  EXPECT_GT(read_by_both, 1000u);
}

}  // namespace
}  // namespace holdfast::engine
