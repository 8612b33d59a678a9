// Blobs of pages that need not be kept, because their content follows from a number: 256 pages of
// 4096 bytes, of which the first begins with the number and the rest is the same for all. Ids,
// digests and boxes are true ones, so whoever reads them can prove them.
#ifndef HOLDFAST_BENCH_SCALE_MADE_UP_PAGES_H_
#define HOLDFAST_BENCH_SCALE_MADE_UP_PAGES_H_

#include <cstdint>
#include <vector>

#include "codec/page_digest.h"
#include "repository/pack.h"

namespace holdfast::scale {

inline constexpr std::uint32_t kPageSize = 4096;
inline constexpr std::uint16_t kBlobPages = 256;
inline constexpr std::size_t kPackBlobs = 44;  // closes a pack of 16 MiB

// Thread safe once made.
class MadeUpPages {
 public:
  explicit MadeUpPages(const repository::MasterKeys& keys);

  BlobId id(std::uint64_t number) const;
  repository::BlobEntry entry(std::uint64_t number) const;
  Bytes content(std::uint64_t number) const;
  std::vector<codec::PageDigest> digests(std::uint64_t number) const;
  // Appends what stands in a pack for it.
  void append_box(std::uint64_t number, Bytes& out) const;
  // What `content` was made from.
  static std::uint64_t number_of(ByteView content);
  std::uint32_t stored_size() const { return stored_size_; }

 private:
  Bytes first_page(std::uint64_t number) const;

  const repository::MasterKeys& keys_;
  codec::PageHasher hasher_;
  Bytes content_;              // of the number 0
  Bytes frame_;                // the same, compressed
  std::size_t number_at_ = 0;  // within frame_
  std::vector<codec::PageDigest> digests_;
  std::uint32_t stored_size_ = 0;
};

// A pack of `count` blobs from `first` on, as an index describes it.
repository::PackDescription describe_pack(const MadeUpPages& pages, const PackId& id,
                                          const std::vector<std::uint64_t>& numbers);

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_MADE_UP_PAGES_H_
