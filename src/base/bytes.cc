#include "base/bytes.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

int base64_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '+') return 62;
  if (digit == '/') return 63;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex += kHexDigits[value >> 4];
    hex += kHexDigits[value & 15];
  }
  return hex;
}

bool from_hex(std::string_view hex, MutableByteView out) {
  if (hex.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < count ? std::to_integer<unsigned>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kBase64Digits[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

Bytes from_base64(std::string_view text) {
  const auto malformed = [] { return Error(ErrorCode::kDamagedObject, "malformed base64"); };
  if (text.size() % 4 != 0) throw malformed();
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t padding = 0;
    unsigned bits = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const char digit = text[i + j];
      if (digit == '=' && i + 4 == text.size() && j >= 2) {
        ++padding;
        bits <<= 6;
        continue;
      }
      const int value = base64_value(digit);
      if (value < 0 || padding > 0) throw malformed();
      bits = bits << 6 | static_cast<unsigned>(value);
    }
    if (padding > 0 && (bits & ((1u << (8 * padding)) - 1)) != 0) throw malformed();
    for (std::size_t j = 0; j + padding < 3; ++j) {
      bytes.push_back(static_cast<std::byte>(bits >> (16 - 8 * j) & 255));
    }
  }
  return bytes;
}

void ByteWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<std::byte>(value));
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(raw(1)[0]);
    const auto bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift > 0) break;  // one encoding for each value
      return value;
    }
  }
  throw Error(ErrorCode::kDamagedObject, fmt::format("{}: malformed number", what_));
}

ByteView ByteReader::raw(std::size_t size) {
  if (size > rest_.size()) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("{} ends {} bytes too early", what_, size - rest_.size()));
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

void ByteReader::expect_end() const {
  if (!rest_.empty()) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("{} has {} bytes too many", what_, rest_.size()));
  }
}

}  // namespace holdfast
