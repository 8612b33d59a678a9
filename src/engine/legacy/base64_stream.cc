#include "engine/legacy/base64_stream.h"

#include <fmt/format.h>

#include <array>

namespace holdfast::engine {
namespace {

constexpr std::uint8_t kNoDigit = 64, kBlank = 65, kPadding = 66;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  for (const char blank : {' ', '\t', '\r', '\n'}) {
    digits[static_cast<unsigned char>(blank)] = kBlank;
  }
  digits['='] = kPadding;
  return digits;
}
constexpr auto kDigitValues = make_digits();

}  // namespace

void Base64Stream::refuse(std::string_view what) {
  damage_ = fmt::format("the base64 is damaged at byte {}: {}", position_, what);
}

void Base64Stream::add(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (!damage_.empty()) return;
    const std::uint8_t digit = kDigitValues[static_cast<unsigned char>(c)];
    if (digit == kPadding) {
      ++padding_;
      if (count_ < 2 || count_ + padding_ > 4) return refuse("'=' where none can be");
      if (count_ + padding_ == 4) {
        out += static_cast<char>(bits_ >> (count_ == 2 ? 4 : 10) & 0xff);
        if (count_ == 3) out += static_cast<char>(bits_ >> 2 & 0xff);
        count_ = 0;
        bits_ = 0;
        padding_ = 4;  // the end: only blanks may follow
      }
    } else if (digit != kBlank) {
      if (digit == kNoDigit) return refuse("a character that is none of base64");
      if (padding_ > 0) return refuse("more text after its end");
      bits_ = bits_ << 6 | digit;
      if (++count_ == 4) {
        out += static_cast<char>(bits_ >> 16 & 0xff);
        out += static_cast<char>(bits_ >> 8 & 0xff);
        out += static_cast<char>(bits_ & 0xff);
        count_ = 0;
        bits_ = 0;
      }
    }
    ++position_;
  }
}

void Base64Stream::finish() {
  if (damage_.empty() && count_ != 0) refuse("it is cut off");
}

}  // namespace holdfast::engine
