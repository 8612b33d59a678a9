#include "sqlite/wal_index.h"

#include <cstring>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kHeaderSize = 12, kCheckedWords = 10;  // in words of 32 bits
constexpr std::size_t kBackfilled = 2 * kHeaderSize;
constexpr std::size_t kAttempted = kBackfilled + 8;  // behind five read marks and eight locks

WalIndexHeader copy_header(const volatile std::uint32_t* from) {
  WalIndexHeader header;
  for (std::size_t i = 0; i < kHeaderSize; ++i) header.words[i] = from[i];
  return header;
}

bool checksum_is_right(const WalIndexHeader& header) {
  std::uint32_t first = 0, second = 0;
  for (std::size_t i = 0; i < kCheckedWords; i += 2) {
    first += header.words[i] + second;
    second += header.words[i + 1] + first;
  }
  return first == header.words[10] && second == header.words[11];
}

bool is_whole(const WalIndexHeader& first, const WalIndexHeader& second) {
  const bool initialized = (first.words[3] & 0xff) != 0;
  return first == second && initialized && checksum_is_right(first);
}

}  // namespace

std::optional<WalIndexHeader> WalIndexHeader::parse(ByteView headers) {
  WalIndexHeader first, second;
  std::memcpy(first.words.data(), headers.data(), sizeof first.words);
  std::memcpy(second.words.data(), headers.data() + sizeof first.words, sizeof second.words);
  if (!is_whole(first, second)) return std::nullopt;
  return first;
}

std::uint32_t WalIndexHeader::page_size() const {
  const std::uint32_t stored = words[3] >> 16;
  return (stored & 0xfe00) + ((stored & 1) << 16);
}

std::optional<WalIndexHeader> WalIndex::header() const {
  const volatile std::uint32_t* memory = database_.wal_index_region(0);
  if (memory == nullptr) return std::nullopt;
  // What was read before is not to be read after this header.
  database_.wal_index_barrier();
  // A writer fills the second copy first, so a reader that begins with the first sees both equal
  // only when neither was being written.
  const WalIndexHeader first = copy_header(memory);
  database_.wal_index_barrier();
  const WalIndexHeader second = copy_header(memory + kHeaderSize);
  database_.wal_index_barrier();
  if (!is_whole(first, second)) return std::nullopt;
  return first;
}

std::uint32_t WalIndex::backfilled() const { return region(0)[kBackfilled]; }
std::uint32_t WalIndex::attempted() const { return region(0)[kAttempted]; }

const volatile std::uint32_t* WalIndex::region(std::uint32_t number) const {
  const volatile std::uint32_t* memory = database_.wal_index_region(static_cast<int>(number));
  if (memory == nullptr) {
    throw Error(ErrorCode::kDatabaseChanged, "the index of the write-ahead log ends too early");
  }
  return memory;
}

}  // namespace holdfast::sqlite
