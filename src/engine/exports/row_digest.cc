#include "engine/exports/row_digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::size_t kDigestChunk = std::size_t{64} << 10;
constexpr std::size_t kDigestUnit = 256;  // what is a multiple of it is digested fastest

}  // namespace

RowDigester::RowDigester(const codec::SecretKey& key)
    : hasher_(key), chunk_(buffer_.first(kDigestChunk)) {}

void RowDigester::add(std::span<const Cell> row) {
  for (const Cell& cell : row) {
    const bool has_bytes = cell.type == Cell::Type::kText || cell.type == Cell::Type::kBlob;
    std::uint64_t number = 0;
    if (cell.type == Cell::Type::kInteger) number = static_cast<std::uint64_t>(cell.integer);
    if (cell.type == Cell::Type::kReal) number = std::bit_cast<std::uint64_t>(cell.real);
    if (has_bytes) number = cell.bytes.size();
    std::array<std::byte, 1 + sizeof number> head{};
    head[0] = static_cast<std::byte>(cell.type);
    store(head.data() + 1, number);
    add_bytes(head);
    if (has_bytes) add_bytes(as_bytes(cell.bytes));
  }
}

codec::PageDigest RowDigester::finish() {
  // The size, in a unit of its own, tells the zeros that fill up from bytes of a row.
  std::size_t end = (filled_ + sizeof size_ + kDigestUnit - 1) / kDigestUnit * kDigestUnit;
  if (end > chunk_.size()) {
    std::ranges::fill(chunk_.subspan(filled_), std::byte{0});
    fold();
    end = kDigestUnit;
  }
  std::ranges::fill(chunk_.first(end).subspan(filled_), std::byte{0});
  store(chunk_.data() + end - sizeof size_, std::exchange(size_, 0));
  filled_ = 0;
  return hasher_.digest(chunk_.first(end));
}

void RowDigester::add_bytes(ByteView bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), chunk_.size() - filled_);
    std::memcpy(chunk_.data() + filled_, bytes.data(), taken);
    filled_ += taken;
    bytes = bytes.subspan(taken);
    if (filled_ == chunk_.size()) fold();
  }
}

void RowDigester::fold() {
  const codec::PageDigest digest = hasher_.digest(chunk_);
  store(chunk_.data(), digest.low);
  store(chunk_.data() + sizeof digest.low, digest.high);
  filled_ = sizeof digest;
}

}  // namespace holdfast::engine
