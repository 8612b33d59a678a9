#include "sqlite/record.h"

#include <array>

#include "base/error.h"
#include "base/utf8.h"

namespace holdfast::sqlite {
namespace {

std::uint64_t content_size(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 12> kFixed{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < kFixed.size() ? kFixed[type] : (type - 12) / 2;
}

bool is_text(std::uint64_t type) { return type >= 13 && type % 2 == 1; }

std::string from_utf16(ByteView bytes, bool big_endian) {
  std::string text;
  const auto unit = [&](std::size_t at) -> std::uint32_t {
    return big_endian ? load_be16(bytes.data() + at) : load<std::uint16_t>(bytes.data() + at);
  };
  for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    std::uint32_t point = unit(at);
    const bool is_high = point >= 0xd800 && point < 0xdc00;
    if (is_high && at + 4 <= bytes.size() && unit(at + 2) >= 0xdc00 && unit(at + 2) < 0xe000) {
      at += 2;
      point = 0x10000 + ((point - 0xd800) << 10) + (unit(at) - 0xdc00);
    } else if (point >= 0xd800 && point < 0xe000) {
      point = 0xfffd;
    }
    append_utf8(text, point);
  }
  return text;
}

}  // namespace

std::uint64_t RecordReader::varint() {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(raw(1)[0]);
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return value << 8 | std::to_integer<std::uint64_t>(raw(1)[0]);
}

ByteView RecordReader::raw(std::uint64_t size) {
  if (size > rest_.size()) throw Error(ErrorCode::kDatabaseDamaged, "it ends too early");
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

Record::Record(ByteView bytes, std::size_t columns, TextEncoding encoding) : encoding_(encoding) {
  RecordReader body(bytes);
  const std::uint64_t header_size = body.varint();
  const std::size_t size_bytes = bytes.size() - body.remaining();
  if (header_size < size_bytes) throw Error(ErrorCode::kDatabaseDamaged, "its header has no size");
  RecordReader header(body.raw(header_size - size_bytes));
  for (std::size_t i = 0; i < columns; ++i) {
    const std::uint64_t type = header.varint();
    columns_.push_back({.type = type, .bytes = body.raw(content_size(type))});
  }
}

std::string Record::text(std::size_t column) const {
  const auto& [type, bytes] = columns_[column];
  if (!is_text(type)) return {};
  if (encoding_ == TextEncoding::kUtf8) return std::string(as_text(bytes));
  return from_utf16(bytes, encoding_ == TextEncoding::kUtf16BigEndian);
}

std::int64_t Record::integer(std::size_t column) const {
  const auto& [type, bytes] = columns_[column];
  if (type == 9) return 1;
  if (type < 1 || type > 6) return 0;
  const bool negative = (bytes[0] & std::byte{0x80}) != std::byte{0};
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return static_cast<std::int64_t>(value);
}

}  // namespace holdfast::sqlite
