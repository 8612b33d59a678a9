#include "postgres/document_numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace holdfast::postgres {
namespace {

constexpr std::size_t kDigitsOfInt64 = 18;  // so many always fit

bool is_of_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// The digits of a whole number without the zeros at its end.
std::string_view significant(std::string_view digits) {
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const auto last = digits.find_last_not_of('0');
  return digits.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

void append_number(std::string_view number, std::string& out) {
  const bool long_whole =
      number.size() > kDigitsOfInt64 && number.find_first_of(".eE") == std::string_view::npos;
  std::int64_t whole = 0;
  const char* const end = number.data() + number.size();
  if (long_whole && std::from_chars(number.data(), end, whole).ec != std::errc()) {
    char text[40];
    const double real = std::strtod(std::string(number).c_str(), nullptr);
    const auto written =
        std::to_chars(std::begin(text), std::end(text), real, std::chars_format::scientific);
    std::string_view shortest(text, static_cast<std::size_t>(written.ptr - text));
    std::string digits;
    for (const char c : shortest.substr(0, shortest.find('e'))) {
      if (c >= '0' && c <= '9') digits += c;
    }
    if (std::isfinite(real) && significant(digits) == significant(number)) {
      out += shortest;
      return;
    }
  }
  out += number;
}

}  // namespace

std::string with_readable_numbers(std::string_view document) {
  std::string out;
  out.reserve(document.size());
  bool in_string = false;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const char c = document[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < document.size()) {
        out += document[++i];
      } else if (c == '"') {
        in_string = false;
      }
    } else if ((c >= '0' && c <= '9') || c == '-') {
      std::size_t end = i;
      while (end < document.size() && is_of_number(document[end])) ++end;
      append_number(document.substr(i, end - i), out);
      i = end - 1;
    } else {
      in_string = c == '"';
      out += c;
    }
  }
  return out;
}

}  // namespace holdfast::postgres
