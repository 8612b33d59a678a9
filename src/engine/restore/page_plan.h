// Which blobs a restore reads, and where their pages go.
#ifndef HOLDFAST_ENGINE_RESTORE_PAGE_PLAN_H_
#define HOLDFAST_ENGINE_RESTORE_PAGE_PLAN_H_

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/snapshot.h"

namespace holdfast::engine {

// Pages at hand, by number.
using NewerPages = std::map<std::uint32_t, ByteView>;

// One piece of a blob and where it goes.
struct Piece {
  std::uint32_t blob = 0, slot = 0, count = 0;
  std::uint32_t first = 0;  // page
  std::uint32_t end() const { return first + count; }
};

// The pages of a blob, proved to be what its id says, in memory of `buffer`; `digests` becomes
// theirs. Throws kDamagedObject, kMissingObject.
MutableByteView read_pages(const repository::BlobReader& reader, const BlobId& id,
                           std::size_t page_size, const codec::PageHasher& hasher,
                           repository::BlobDecoder& decoder, Bytes& buffer,
                           std::vector<codec::PageDigest>& digests);
// The same for pages that were read already.
void prove_pages(const repository::BlobReader& reader, const BlobId& id, ByteView pages,
                 std::size_t page_size, const codec::PageHasher& hasher,
                 std::vector<codec::PageDigest>& digests);

// After many small changes the newest pages lie scattered between old ones. Written one by one they
// cost more than all others. So blobs of which only scattered pages are wanted are read first and
// kept in memory, as far as 16 MB go; what is in memory then closes the gaps between the pieces of
// the large blobs, which are written whole.
class PagePlan {
 public:
  // The state with `page_count` pages that came to be from `base` by the pages in `newer`.
  PagePlan(const repository::BlobReader& reader, const repository::DatabaseState& base,
           std::uint64_t page_count, NewerPages newer, const codec::PageHasher& hasher,
           unsigned threads);

  std::size_t blobs() const { return first_piece_.size() - 1; }
  const BlobId& id(std::size_t blob) const { return ids_[pieces(blob).front().blob]; }
  std::vector<BlobId> ids() const;                        // of all blobs
  std::span<const Piece> pieces(std::size_t blob) const;  // sorted by page
  // Whether between two pieces of a blob lie, in the blob as in the file, only pages at hand.
  bool joins(const Piece& piece, const Piece& next) const;
  ByteView at_hand(std::uint32_t page) const { return at_hand_.at(page); }
  // The pages at hand that close no gap, sorted.
  std::span<const std::uint32_t> loose() const { return loose_; }

 private:
  void collect_pieces(const repository::BlobReader& reader, const repository::DatabaseState& base,
                      std::uint64_t page_count);
  void sort_pieces();
  std::vector<std::size_t> scattered_blobs() const;
  void keep(const repository::BlobReader& reader, const codec::PageHasher& hasher,
            const std::vector<std::size_t>& blobs, unsigned threads);
  void find_loose(std::uint64_t page_count);

  std::size_t page_size_;
  std::vector<BlobId> ids_;
  std::vector<Piece> pieces_;             // sorted by blob
  std::vector<std::size_t> first_piece_;  // of each blob; one more at the end
  NewerPages at_hand_;
  std::vector<Bytes> kept_;  // what at_hand_ points into beside the caller's
  std::vector<std::uint32_t> loose_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_PAGE_PLAN_H_
