#include "engine/exports/row_digest.h"

#include <bit>
#include <cstring>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::size_t kDigestBlock = 16;

}  // namespace

codec::PageDigest RowDigester::digest(std::span<const Cell> row) {
  for (const Cell& cell : row) append(cell);
  return finish();
}

codec::PageDigest RowDigester::digest(std::span<const Cell> row,
                                      std::span<const std::size_t> columns) {
  for (const std::size_t column : columns) append(row[column]);
  return finish();
}

// A block with type and number or length, then the bytes, filled up with zeros.
void RowDigester::append(const Cell& cell) {
  const std::size_t blocks = (cell.bytes.size() + kDigestBlock - 1) / kDigestBlock;
  const bool has_bytes = cell.type == Cell::Type::kText || cell.type == Cell::Type::kBlob;
  const std::size_t needed = size_ + kDigestBlock + (has_bytes ? blocks * kDigestBlock : 0);
  if (text_.size() < needed) text_.resize(needed + needed / 2);
  std::byte* to = text_.data() + size_;
  std::uint64_t number = 0;
  if (cell.type == Cell::Type::kInteger) number = static_cast<std::uint64_t>(cell.integer);
  if (cell.type == Cell::Type::kReal) number = std::bit_cast<std::uint64_t>(cell.real);
  if (has_bytes) number = cell.bytes.size();
  store(to, static_cast<std::uint64_t>(cell.type));
  store(to + sizeof number, number);
  if (has_bytes && blocks > 0) {
    store(to + blocks * kDigestBlock, std::uint64_t{0});  // the last block, before its bytes come
    store(to + blocks * kDigestBlock + sizeof number, std::uint64_t{0});
    std::memcpy(to + kDigestBlock, cell.bytes.data(), cell.bytes.size());
  }
  size_ = needed;
}

codec::PageDigest RowDigester::finish() {
  return hasher_.digest(ByteView(text_).first(std::exchange(size_, 0)));
}

}  // namespace holdfast::engine
