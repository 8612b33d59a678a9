// A digest of rows, one after the other, to tell whether any of them has changed.
#ifndef HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_
#define HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/row_reader.h"
#include "codec/page_digest.h"

namespace holdfast::engine {

// POLYVAL of the types, lengths and bytes of all cells, 64 KiB at a time, each beginning with the
// digest of what was before it. Other rows, or the same cut otherwise into cells, have the same
// digest with a probability of 2^-100 at most, as long as whoever writes them does not know the
// key. By one thread at a time.
class RowDigester {
 public:
  explicit RowDigester(const codec::SecretKey& key);
  void add(std::span<const Cell> row);
  // Of all rows since the last finish().
  codec::PageDigest finish();

 private:
  void add_bytes(ByteView bytes);
  void fold();

  const codec::PageHasher hasher_;
  Buffer buffer_;
  const MutableByteView chunk_;
  std::size_t filled_ = 0;
  std::uint64_t size_ = 0;  // of all
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_
