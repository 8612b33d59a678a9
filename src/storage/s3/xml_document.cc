#include "storage/s3/xml_document.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace holdfast::storage {
namespace {

constexpr int kDeepest = 16;
constexpr std::size_t kMostElements = 100'000;

bool is_space(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}
bool is_name_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' || letter == '.' ||
         letter == ':';
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class XmlParser {
 public:
  explicit XmlParser(std::string_view text) : rest_(text) {}

  std::optional<XmlElement> parse() {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    skip_space();
    if (rest_.starts_with("<?xml ")) {
      const auto end = rest_.find("?>");
      if (end == std::string_view::npos) return std::nullopt;
      rest_.remove_prefix(end + 2);
    }
    skip_space();
    XmlElement root;
    if (!take("<") || !element(root, 0)) return std::nullopt;
    skip_space();
    return rest_.empty() ? std::optional(std::move(root)) : std::nullopt;
  }

 private:
  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view name() {
    const auto end = std::ranges::find_if_not(rest_, is_name_letter);
    const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }

  bool attributes() {
    for (;;) {
      const std::size_t before = rest_.size();
      skip_space();
      if (rest_.starts_with('>') || rest_.starts_with('/')) return true;
      if (rest_.size() == before || name().empty()) return false;
      skip_space();
      if (!take("=")) return false;
      skip_space();
      const char quote = rest_.empty() ? '\0' : rest_.front();
      if (quote != '"' && quote != '\'') return false;
      const auto end = rest_.find(quote, 1);
      if (end == std::string_view::npos) return false;
      if (rest_.substr(0, end).find('<') != std::string_view::npos) return false;
      rest_.remove_prefix(end + 1);
    }
  }

  // After its "<".
  bool element(XmlElement& into, int depth) {
    if (depth == kDeepest || ++elements_ > kMostElements) return false;
    const std::string_view whole = name();
    if (whole.empty()) return false;
    into.name = whole.substr(whole.find(':') == std::string_view::npos ? 0 : whole.find(':') + 1);
    if (!attributes()) return false;
    if (take("/>")) return true;
    if (!take(">")) return false;
    for (;;) {
      if (!characters(into.text)) return false;
      if (take("</")) {
        if (name() != whole) return false;
        skip_space();
        return take(">");
      }
      if (!take("<")) return false;
      into.children.emplace_back();
      if (!element(into.children.back(), depth + 1)) return false;
    }
  }

  bool characters(std::string& into) {
    while (!rest_.empty() && rest_.front() != '<') {
      if (rest_.front() == '&') {
        if (!entity(into)) return false;
        continue;
      }
      const auto end = rest_.find_first_of("<&");
      const std::string_view plain = rest_.substr(0, end);
      if (plain.find('\0') != std::string_view::npos) return false;
      into += plain;
      rest_.remove_prefix(plain.size());
    }
    return !rest_.empty();
  }

  bool entity(std::string& into) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (const auto& [written, letter] : kNamed) {
      if (!take(written)) continue;
      into += letter;
      return true;
    }
    if (!take("&#")) return false;
    const int base = take("x") ? 16 : 10;
    std::uint32_t code = 0;
    const char* const end = rest_.data() + rest_.size();
    const auto [last, problem] = std::from_chars(rest_.data(), end, code, base);
    if (problem != std::errc{} || code == 0 || code > 0x10ffff || (code >> 11) == 0x1b) {
      return false;
    }
    rest_.remove_prefix(static_cast<std::size_t>(last - rest_.data()));
    append_utf8(into, code);
    return take(";");
  }

  std::string_view rest_;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_name) const {
  const auto found = std::ranges::find(children, child_name, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::child_text(std::string_view child_name) const {
  const XmlElement* found = child(child_name);
  return found == nullptr ? std::string_view() : found->text;
}

std::optional<XmlElement> parse_xml(std::string_view text) { return XmlParser(text).parse(); }

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

}  // namespace holdfast::storage
