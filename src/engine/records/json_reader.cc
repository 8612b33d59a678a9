#include "engine/records/json_reader.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace holdfast::engine {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// By recursion, which `deepest` bounds.
class JsonReader {
 public:
  JsonReader(std::string_view text, std::size_t deepest)
      : at_(text.data()), end_(text.data() + text.size()), deepest_(deepest) {}

  bool document(Record& into) {
    skip_blanks();
    if (!value(into, 0)) return false;
    skip_blanks();
    return at_ == end_;
  }

 private:
  bool is_next(char c) const { return at_ != end_ && *at_ == c; }
  bool take(char c) {
    if (!is_next(c)) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!std::string_view(at_, end_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  bool value(Record& into, std::size_t depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return depth < deepest_ && object(into, depth + 1);
      case '[':
        return depth < deepest_ && array(into, depth + 1);
      case '"': {
        into = std::string();
        return string(into.get_ref<std::string&>());
      }
      case 't':
        into = true;
        return take("true");
      case 'f':
        into = false;
        return take("false");
      case 'n':
        into = nullptr;
        return take("null");
      default:
        return number(into);
    }
  }

  bool object(Record& into, std::size_t depth) {
    ++at_;
    into = Record::object();
    auto& fields = into.get_ref<Record::object_t&>();
    skip_blanks();
    if (take('}')) return true;
    std::string name;
    for (;;) {
      if (!is_next('"') || !string(name)) return false;
      skip_blanks();
      if (!take(':')) return false;
      skip_blanks();
      const auto [field, is_new] = fields.try_emplace(std::move(name));
      if (!is_new || !value(field->second, depth)) return false;
      skip_blanks();
      if (take('}')) return true;
      if (!take(',')) return false;
      skip_blanks();
    }
  }

  bool array(Record& into, std::size_t depth) {
    ++at_;
    into = Record::array();
    auto& items = into.get_ref<Record::array_t&>();
    skip_blanks();
    if (take(']')) return true;
    for (;;) {
      if (!value(items.emplace_back(), depth)) return false;
      skip_blanks();
      if (take(']')) return true;
      if (!take(',')) return false;
      skip_blanks();
    }
  }

  bool string(std::string& into) {
    ++at_;
    into.clear();
    bool ascii = true;
    for (;;) {
      const char* const from = at_;
      while (at_ != end_ && *at_ != '"' && *at_ != '\\' &&
             static_cast<unsigned char>(*at_) >= 0x20) {
        ascii = ascii && static_cast<unsigned char>(*at_) < 0x80;
        ++at_;
      }
      into.append(from, at_);
      if (take('"')) return ascii || is_utf8(into);
      if (!take('\\') || !escaped(into)) return false;
    }
  }

  bool escaped(std::string& into) {
    if (at_ == end_) return false;
    switch (*at_++) {
      case '"':
        into += '"';
        return true;
      case '\\':
        into += '\\';
        return true;
      case '/':
        into += '/';
        return true;
      case 'b':
        into += '\b';
        return true;
      case 'f':
        into += '\f';
        return true;
      case 'n':
        into += '\n';
        return true;
      case 'r':
        into += '\r';
        return true;
      case 't':
        into += '\t';
        return true;
      case 'u':
        return escaped_code(into);
      default:
        return false;
    }
  }

  bool four_digits(std::uint32_t& code) {
    if (end_ - at_ < 4) return false;
    const auto [stop, error] = std::from_chars(at_, at_ + 4, code, 16);
    if (error != std::errc() || stop != at_ + 4) return false;
    at_ = stop;
    return true;
  }
  // What lies beyond U+FFFF is written as two surrogates (RFC 8259, 7).
  bool escaped_code(std::string& into) {
    std::uint32_t code = 0;
    if (!four_digits(code)) return false;
    if (code >= 0xD800 && code <= 0xDFFF) {
      std::uint32_t low = 0;
      if (code > 0xDBFF || !take("\\u") || !four_digits(low) || low < 0xDC00 || low > 0xDFFF) {
        return false;
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(into, code);
    return true;
  }

  bool number(Record& into) {
    const char* const from = at_;
    const bool negative = take('-');
    if (at_ == end_ || !is_digit(*at_)) return false;
    const bool zero = *at_ == '0';
    skip_digits();
    if (zero && at_ - from > (negative ? 2 : 1)) return false;
    if (!is_next('.') && !is_next('e') && !is_next('E')) {
      return negative ? whole<std::int64_t>(from, into) : whole<std::uint64_t>(from, into);
    }
    if (take('.') && !skip_digits()) return false;
    if (take('e') || take('E')) {
      if (!take('-')) take('+');
      if (!skip_digits()) return false;
    }
    double real = 0;
    const auto [stop, error] = std::from_chars(from, at_, real);
    into = real;
    return error == std::errc() && stop == at_;
  }
  bool skip_digits() {
    const char* const from = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != from;
  }
  template <typename Whole>
  bool whole(const char* from, Record& into) {
    Whole number = 0;
    const auto [stop, error] = std::from_chars(from, at_, number);
    into = number;
    return error == std::errc() && stop == at_;
  }

  const char* at_;
  const char* const end_;
  const std::size_t deepest_;
};

}  // namespace

std::optional<Record> read_json(std::string_view text, std::size_t deepest) {
  Record document;
  if (!JsonReader(text, deepest).document(document)) return std::nullopt;
  return document;
}

}  // namespace holdfast::engine
