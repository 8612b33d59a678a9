#include "repository/text_rules.h"

#include <gtest/gtest.h>

#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

TEST(PrintableText, IsUtf8OfAnyLanguage) {
  for (const std::string_view text : {"", "plain", "Größe", "日本語", "🜚", "a b", "\xEF\xBF\xBD"}) {
    EXPECT_TRUE(is_printable_text(text)) << text;
  }
}

TEST(PrintableText, HasNoControlCharactersAndNothingMalformed) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"\n"sv, "a\tb"sv, "\0"sv, "\x1b[31m"sv, "\x7f"sv, "\xC2\x85"sv, "\xE2\x80\xAE"sv,
        "\xE2\x80\xA8"sv, "\x80"sv, "\xC3"sv, "\xC0\xAF"sv, "\xE0\x80\xAF"sv, "\xED\xA0\x80"sv,
        "\xF0\x80\x80\xAF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xFF"sv, "\xE2\x82"sv}) {
    EXPECT_FALSE(is_printable_text(text)) << to_hex(as_bytes(text));
  }
}

TEST(PrintableText, IsCheckedWithItsLength) {
  check_printable("the tag", std::string(10, 'a'), 10);
  for (const std::string& text :
       {std::string(11, 'a'), std::string(), std::string(" a"), std::string("a ")}) {
    expect_error(ErrorCode::kUsage, [&] { check_printable("the tag", text, 10); });
  }
}

}  // namespace
}  // namespace holdfast::repository
