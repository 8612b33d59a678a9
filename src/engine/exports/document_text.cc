#include "engine/exports/document_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "engine/exports/json_text.h"

namespace holdfast::engine {
namespace {

// Of which records may have 128; deeper ones are left to the closer look.
constexpr int kDeepest = 100;

class DocumentWriter {
 public:
  DocumentWriter(std::string_view text, std::string& out)
      : at_(text.data()), end_(text.data() + text.size()), out_(out) {}

  bool write() {
    skip_blanks();
    // `null` must be tagged.
    if (at_ == end_ || *at_ == 'n') return false;
    if (!value(1)) return false;
    skip_blanks();
    return at_ == end_;
  }

 private:
  struct Field {
    std::size_t begin, end;  // in out_, with its name; without a comma
    std::size_t name_end;    // just behind the name, without its quote
  };

  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool take(char wanted) {
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool word(std::string_view expected) {
    if (static_cast<std::size_t>(end_ - at_) < expected.size() ||
        std::string_view(at_, expected.size()) != expected) {
      return false;
    }
    at_ += expected.size();
    out_ += expected;
    return true;
  }

  bool array(int depth) {
    if (depth > kDeepest) return false;
    ++at_;
    out_ += '[';
    skip_blanks();
    if (take(']')) {
      out_ += ']';
      return true;
    }
    for (;;) {
      skip_blanks();
      if (!value(depth + 1)) return false;
      skip_blanks();
      if (take(']')) break;
      if (!take(',')) return false;
      out_ += ',';
    }
    out_ += ']';
    return true;
  }

  bool object(int depth) {
    if (depth > kDeepest) return false;
    ++at_;
    const std::size_t begin = out_.size() + 1;
    const std::size_t first = fields_.size();
    out_ += '{';
    skip_blanks();
    if (!take('}')) {
      for (;;) {
        skip_blanks();
        if (!field(depth)) return false;
        skip_blanks();
        if (take('}')) break;
        if (!take(',')) return false;
        out_ += ',';
      }
    }
    const bool good = order(first, begin, depth == 1);
    fields_.resize(first);
    out_ += '}';
    return good;
  }

  bool field(int depth) {
    Field field{.begin = out_.size(), .end = 0, .name_end = 0};
    if (at_ == end_ || *at_ != '"' || !string()) return false;
    field.name_end = out_.size() - 1;
    // The order is that of the bytes before they are escaped.
    if (out_.find('\\', field.begin) != std::string::npos) return false;
    skip_blanks();
    if (!take(':')) return false;
    out_ += ':';
    skip_blanks();
    if (!value(depth + 1)) return false;
    field.end = out_.size();
    fields_.push_back(field);
    return true;
  }

  std::string_view name(const Field& field) const {
    return std::string_view(out_).substr(field.begin + 1, field.name_end - field.begin - 1);
  }

  // Puts the fields from `first` on, whose text begins at `begin`, in order. False if one is there
  // twice, or the object would pass for a tag.
  bool order(std::size_t first, std::size_t begin, bool outermost) {
    const auto fields = std::span(fields_).subspan(first);
    if (outermost && fields.size() == 1 && name(fields[0]).starts_with('$')) return false;
    const auto before = [&](const Field& a, const Field& b) { return name(a) < name(b); };
    const auto not_before = [&](const Field& a, const Field& b) { return !before(a, b); };
    if (std::ranges::adjacent_find(fields, not_before) == fields.end()) return true;
    std::ranges::sort(fields, before);
    if (std::ranges::adjacent_find(fields, not_before) != fields.end()) return false;
    ordered_.clear();
    for (const Field& field : fields) {
      if (!ordered_.empty()) ordered_ += ',';
      ordered_.append(out_, field.begin, field.end - field.begin);
    }
    out_.replace(begin, ordered_.size(), ordered_);
    return true;
  }

  bool string() {
    ++at_;
    out_ += '"';
    const char* copied = at_;
    for (;;) {
      at_ += plain_length(at_, end_);
      if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x20) return false;
      if (*at_ == '"') break;
      if (*at_ != '\\') {
        const std::size_t length = utf8_length(at_, end_);
        if (length == 0) return false;
        at_ += length;
        continue;
      }
      out_.append(copied, at_);
      if (!escape()) return false;
      copied = at_;
    }
    out_.append(copied, at_);
    out_ += '"';
    ++at_;
    return true;
  }

  bool escape() {
    if (end_ - at_ < 2) return false;
    const char kind = at_[1];
    at_ += 2;
    switch (kind) {
      case '"':
      case '\\':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        out_ += '\\';
        out_ += kind;
        return true;
      case '/':
        out_ += '/';
        return true;
      case 'u':
        return code_point();
      default:
        return false;
    }
  }

  // The four digits at at_; beyond 0xFFFF if they are none.
  unsigned hexadecimal() {
    unsigned code = 0;
    if (end_ - at_ < 4) return 0x10000;
    const auto [stop, error] = std::from_chars(at_, at_ + 4, code, 16);
    if (error != std::errc() || stop != at_ + 4) return 0x10000;
    at_ += 4;
    return code;
  }

  bool code_point() {
    unsigned code = hexadecimal();
    if (code > 0xFFFF) return false;
    if (code >= 0xD800 && code <= 0xDFFF) {
      if (code > 0xDBFF || !take('\\') || !take('u')) return false;
      const unsigned low = hexadecimal();
      if (low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    std::string utf8;
    const auto add = [&](unsigned byte) { utf8 += static_cast<char>(byte); };
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xC0 | code >> 6);
      add(0x80 | (code & 63));
    } else if (code < 0x10000) {
      add(0xE0 | code >> 12);
      add(0x80 | (code >> 6 & 63));
      add(0x80 | (code & 63));
    } else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 63));
      add(0x80 | (code >> 6 & 63));
      add(0x80 | (code & 63));
    }
    quoted_.clear();
    if (!append_json_string(utf8, quoted_)) return false;
    out_.append(quoted_, 1, quoted_.size() - 2);
    return true;
  }

  bool digits() {
    const char* const begin = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ > begin;
  }

  bool number() {
    const char* const begin = at_;
    take('-');
    const char* const first = at_;
    if (!digits()) return false;
    if (*first == '0' && at_ - first > 1) return false;
    bool whole = true;
    if (at_ < end_ && *at_ == '.') {
      ++at_;
      whole = false;
      if (!digits()) return false;
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      whole = false;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    if (whole) {
      // Up to 18 digits fit into 64 bits; "-0" is no whole number that is written so.
      if (at_ - first > 18 || (first != begin && *first == '0')) return false;
      out_.append(begin, at_);
      return true;
    }
    double real = 0;
    const auto [stop, error] = std::from_chars(begin, at_, real);
    if (error != std::errc() || stop != at_ || !std::isfinite(real)) return false;
    append_json_number(real, out_);
    return true;
  }

  const char* at_;
  const char* const end_;
  std::string& out_;
  std::vector<Field> fields_;  // of the objects that are open
  std::string ordered_, quoted_;
};

}  // namespace

bool append_document(std::string_view text, std::string& out) {
  const std::size_t before = out.size();
  if (DocumentWriter(text, out).write()) return true;
  out.resize(before);
  return false;
}

}  // namespace holdfast::engine
