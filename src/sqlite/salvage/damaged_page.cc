#include "sqlite/salvage/damaged_page.h"

#include <algorithm>

#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kLeafHeader = 8, kInteriorHeader = 12;
constexpr std::uint64_t kMostPayload = 0x7fffffff;

BtreePageType type_of(std::byte flag) {
  switch (std::to_integer<unsigned>(flag)) {
    case 0x0d:
      return BtreePageType::kTableLeaf;
    case 0x05:
      return BtreePageType::kTableInterior;
    case 0x0a:
      return BtreePageType::kIndexLeaf;
    case 0x02:
      return BtreePageType::kIndexInterior;
    default:
      return BtreePageType::kNone;
  }
}

// How much of a payload stands in the page itself.
std::uint64_t local_size(std::uint64_t size, std::uint64_t usable, bool table) {
  const std::uint64_t most = table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
  if (size <= most) return size;
  const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
  const std::uint64_t fitting = least + (size - least) % (usable - 4);
  return fitting <= most ? fitting : least;
}

}  // namespace

std::optional<std::uint64_t> take_varint(ByteView& rest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 9 && i < rest.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(rest[i]);
    const bool last = i == 8 || byte < 0x80;
    value = i == 8 ? value << 8 | byte : value << 7 | (byte & 0x7f);
    if (last) {
      rest = rest.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

DamagedPage::DamagedPage(PageNumber number, ByteView page, std::uint32_t usable)
    : bytes_(page.first(std::min<std::size_t>(usable, page.size()))),
      header_(number == 1 ? kFileHeaderSize : 0) {
  if (bytes_.size() < header_ + kInteriorHeader) return;
  type_ = type_of(bytes_[header_]);
  if (type_ == BtreePageType::kNone) return;
  pointers_ = header_ + (is_interior(type_) ? kInteriorHeader : kLeafHeader);
  cells_ = std::min<std::size_t>(load_be16(bytes_.data() + header_ + 3),
                                 (bytes_.size() - pointers_) / 2);
}

std::optional<BtreeCell> DamagedPage::cell(std::size_t index) const {
  if (index >= cells_) return std::nullopt;
  const std::size_t start = load_be16(bytes_.data() + pointers_ + 2 * index);
  if (start < pointers_ || start >= bytes_.size()) return std::nullopt;
  ByteView rest = bytes_.subspan(start);
  BtreeCell cell;
  cell.start = start;
  if (is_interior(type_)) {
    if (rest.size() < 4) return std::nullopt;
    cell.child = load_be32(rest.data());
    rest = rest.subspan(4);
  }
  const bool has_payload = type_ != BtreePageType::kTableInterior;
  if (has_payload) {
    const auto size = take_varint(rest);
    if (!size || *size > kMostPayload) return std::nullopt;
    cell.size = *size;
  }
  if (is_of_table(type_)) {
    const auto key = take_varint(rest);
    if (!key) return std::nullopt;
    cell.key = static_cast<std::int64_t>(*key);
    cell.has_key = true;
  }
  if (has_payload) {
    const std::uint64_t local = local_size(cell.size, bytes_.size(), is_of_table(type_));
    const std::size_t link = local < cell.size ? 4 : 0;
    if (local + link > rest.size()) return std::nullopt;
    cell.local = rest.first(local);
    if (link != 0) cell.overflow = load_be32(rest.data() + local);
    rest = rest.subspan(local + link);
  }
  cell.bytes = bytes_.size() - start - rest.size();
  return cell;
}

PageNumber DamagedPage::right_child() const {
  return is_interior(type_) ? load_be32(bytes_.data() + header_ + 8) : 0;
}

}  // namespace holdfast::sqlite
