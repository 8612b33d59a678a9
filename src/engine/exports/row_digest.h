// Tells whether a row is the same as at an earlier time, without keeping it.
#ifndef HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_
#define HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_

#include <span>

#include "base/buffer.h"
#include "base/row_reader.h"
#include "codec/page_digest.h"

namespace holdfast::engine {

// POLYVAL of the types, lengths and bytes of the cells. Two rows that differ have one digest with a
// probability of at most n/2^128, n a sixteenth of their bytes, as long as whoever has written them
// does not know the key. By one thread at a time.
class RowDigester {
 public:
  explicit RowDigester(const codec::SecretKey& key) : hasher_(key) {}
  codec::PageDigest digest(std::span<const Cell> row);
  // Of these columns alone.
  codec::PageDigest digest(std::span<const Cell> row, std::span<const std::size_t> columns);

 private:
  void append(const Cell& cell);
  codec::PageDigest finish();

  codec::PageHasher hasher_;
  Bytes text_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_ROW_DIGEST_H_
