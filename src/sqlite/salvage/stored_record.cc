#include "sqlite/salvage/stored_record.h"

#include <algorithm>
#include <array>
#include <bit>

#include "sqlite/salvage/damaged_page.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint64_t kFirstVariable = 12;  // 10 and 11 are never in a file

std::uint64_t size_of(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 10> kFixed{0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  return type < kFixed.size() ? kFixed[type] : (type - kFirstVariable) / 2;
}

std::int64_t signed_integer(ByteView bytes) {
  const bool negative = (bytes[0] & std::byte{0x80}) != std::byte{0};
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return static_cast<std::int64_t>(value);
}

StoredValue value_of(std::uint64_t type, ByteView bytes) {
  using Kind = StoredValue::Kind;
  if (type == 0) return {};
  if (type == 8 || type == 9) {
    return {.kind = Kind::kInteger, .integer = type == 9 ? 1 : 0, .bytes = {}};
  }
  if (type == 7) {
    const auto bits = static_cast<std::uint64_t>(signed_integer(bytes));
    return {.kind = Kind::kReal, .real = std::bit_cast<double>(bits), .bytes = {}};
  }
  if (type < 7) return {.kind = Kind::kInteger, .integer = signed_integer(bytes), .bytes = {}};
  return {.kind = type % 2 == 1 ? Kind::kText : Kind::kBlob, .bytes = bytes};
}

}  // namespace

RecordSum sum_up_record(ByteView payload, std::uint64_t size, std::vector<StoredValue>& values) {
  values.clear();
  ByteView rest = payload;
  const auto header_size = take_varint(rest);
  if (!header_size || *header_size > payload.size()) return RecordSum::kNone;
  const std::size_t taken = payload.size() - rest.size();
  if (*header_size < taken) return RecordSum::kNone;
  ByteView header = rest.first(*header_size - taken);
  ByteView body = payload.subspan(*header_size);
  std::uint64_t total = *header_size;
  std::size_t fields = 0;
  bool cut = false;
  while (!header.empty()) {
    const auto type = take_varint(header);
    if (!type || *type == 10 || *type == 11 || ++fields > kMostFields) return RecordSum::kNone;
    const std::uint64_t wanted = size_of(*type);
    if (wanted > size || total > size - wanted) return RecordSum::kNone;
    total += wanted;
    if (cut) continue;
    cut = wanted > body.size();
    const ByteView bytes = body.first(std::min<std::uint64_t>(wanted, body.size()));
    // Half a number says nothing.
    if (!cut || (*type >= kFirstVariable && !bytes.empty())) {
      values.push_back(value_of(*type, bytes));
      values.back().width = bytes.size();
    }
    body = body.subspan(bytes.size());
  }
  if (fields == 0) return RecordSum::kNone;
  return total == size ? RecordSum::kRight : RecordSum::kTooSmall;
}

}  // namespace holdfast::sqlite
