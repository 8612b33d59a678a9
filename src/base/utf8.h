// Text in UTF-8 (RFC 3629).
#ifndef HOLDFAST_BASE_UTF8_H_
#define HOLDFAST_BASE_UTF8_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// No surrogates, nothing overlong, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);
// `point` is that of a character: no surrogate, and not beyond U+10FFFF.
void append_utf8(std::string& text, std::uint32_t point);

}  // namespace holdfast

#endif  // HOLDFAST_BASE_UTF8_H_
