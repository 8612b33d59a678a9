#include "engine/exports/json_text.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/exports/document_text.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {
namespace {

// The high bit of each byte that does not stand for itself in a JSON string.
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const auto equal = [](std::uint64_t bytes, std::uint64_t to) {
    const std::uint64_t zero_where_equal = bytes ^ (kOnes * to);
    return (zero_where_equal - kOnes) & ~zero_where_equal;
  };
  const std::uint64_t control = (word - kOnes * 0x20) & ~word;
  return (word | control | equal(word, '"') | equal(word, '\\')) & kHigh;
}

void append_escaped(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

void append_tagged(std::string_view tag, std::string_view bytes, std::string& out) {
  out += tag;
  append_base64(bytes, out);
  out += "\"}";
}

}  // namespace

std::size_t plain_length(const char* at, const char* end) {
  const char* const begin = at;
  for (; end - at >= 32; at += 32) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), at, 32);
    const std::uint64_t any = special_bytes(words[0]) | special_bytes(words[1]) |
                              special_bytes(words[2]) | special_bytes(words[3]);
    if (any != 0) break;
  }
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    // Bytes above the first special one may be marked wrongly, by a borrow; the first never is.
    if (const std::uint64_t special = special_bytes(word); special != 0) {
      return static_cast<std::size_t>(at - begin) +
             static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
  }
  for (; at < end; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
  }
  return static_cast<std::size_t>(at - begin);
}

std::size_t utf8_length(const char* at, const char* end) {
  const auto byte = [&](std::ptrdiff_t i) {
    return at + i < end ? static_cast<unsigned char>(at[i]) : 0u;
  };
  const auto follows = [&](std::ptrdiff_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool good = follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) &&
                      follows(2, 0x80, 0xBF);
    return good ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool good = follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) &&
                      follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF);
    return good ? 4 : 0;
  }
  return 0;
}

bool append_json_string(std::string_view text, std::string& out) {
  const std::size_t before = out.size();
  const char* at = text.data();
  const char* const end = at + text.size();
  out += '"';
  const char* copied = at;
  while (at < end) {
    at += plain_length(at, end);
    if (at == end) break;
    if (static_cast<unsigned char>(*at) >= 0x80) {
      const std::size_t length = utf8_length(at, end);
      if (length == 0) {
        out.resize(before);
        return false;
      }
      at += length;
      continue;
    }
    out.append(copied, at);
    append_escaped(*at, out);
    copied = ++at;
  }
  out.append(copied, at);
  out += '"';
  return true;
}

void append_json_number(std::int64_t number, std::string& out) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_json_number(double finite, std::string& out) {
  // The digits that records have: those of the library that writes them.
  std::array<char, 64> digits;
  const char* const begin = digits.data();
  const char* const end = nlohmann::detail::to_chars(digits.data(), begin + digits.size(), finite);
  out.append(begin, end);
}

void append_base64(std::string_view bytes, std::string& out) {
  static constexpr auto kPairs = [] {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<std::array<char, 2>, 4096> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kDigits[i >> 6], kDigits[i & 63]};
    return pairs;
  }();
  const std::size_t begin = out.size();
  out.resize(begin + (bytes.size() + 2) / 3 * 4);
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  char* to = out.data() + begin;
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 6, from += 6, to += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, 8);
    word = __builtin_bswap64(word);
    std::memcpy(to, kPairs[word >> 52].data(), 2);
    std::memcpy(to + 2, kPairs[(word >> 40) & 4095].data(), 2);
    std::memcpy(to + 4, kPairs[(word >> 28) & 4095].data(), 2);
    std::memcpy(to + 6, kPairs[(word >> 16) & 4095].data(), 2);
  }
  for (; left > 0; from += 3, to += 4) {
    const std::size_t taken = left < 3 ? left : 3;
    unsigned word = static_cast<unsigned>(from[0]) << 16;
    if (taken > 1) word |= static_cast<unsigned>(from[1]) << 8;
    if (taken > 2) word |= from[2];
    std::memcpy(to, kPairs[word >> 12].data(), 2);
    std::memcpy(to + 2, kPairs[word & 4095].data(), 2);
    if (taken < 3) to[3] = '=';
    if (taken < 2) to[2] = '=';
    left -= taken;
  }
}

void append_json_value(const Cell& cell, ColumnKind kind, std::string& out) {
  if (kind == ColumnKind::kJson && cell.type != Cell::Type::kNull &&
      cell.type != Cell::Type::kInteger) {
    if (cell.type == Cell::Type::kText && append_document(cell.bytes, out)) return;
    // Rare and full of rules: what is no document, or would be taken for something else.
    out += record_text(value_to_json(value_of(cell), kind));
    return;
  }
  switch (cell.type) {
    case Cell::Type::kNull:
      out += "null";
      return;
    case Cell::Type::kInteger:
      if (kind == ColumnKind::kBoolean && (cell.integer == 0 || cell.integer == 1)) {
        out += cell.integer == 1 ? "true" : "false";
      } else {
        append_json_number(cell.integer, out);
      }
      return;
    case Cell::Type::kReal:
      if (std::isfinite(cell.real)) {
        append_json_number(cell.real, out);
      } else {
        out += std::isnan(cell.real) ? R"({"$number":"NaN"})"
               : cell.real > 0       ? R"({"$number":"Infinity"})"
                                     : R"({"$number":"-Infinity"})";
      }
      return;
    case Cell::Type::kText:
      // What a column of numbers holds by accident must not pass for what one may put there.
      if (kind == ColumnKind::kInteger || kind == ColumnKind::kReal ||
          !append_json_string(cell.bytes, out)) {
        append_tagged(R"({"$text":")", cell.bytes, out);
      }
      return;
    case Cell::Type::kBlob:
      append_tagged(R"({"$blob":")", cell.bytes, out);
  }
}

}  // namespace holdfast::engine
