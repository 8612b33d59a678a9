// The checksum of a database that changes: one term of the sum for each changed page.
#ifndef HOLDFAST_ENGINE_REPLICATE_RUNNING_CHECKSUM_H_
#define HOLDFAST_ENGINE_REPLICATE_RUNNING_CHECKSUM_H_

#include <cstdint>
#include <functional>
#include <string>

#include "codec/page_digest.h"
#include "engine/backup/digest_table.h"

namespace holdfast::engine {

// sum = D(1)·K^1 + … + D(N)·K^N; a page that changes from D to D' adds (D + D')·K^p, one that is
// appended adds D'·K^p, one that is cut off takes D·K^p away (addition is XOR). By one thread.
class RunningChecksum {
 public:
  // The key must outlive it.
  RunningChecksum(const codec::ChecksumKey& key, std::uint32_t page_size, std::uint64_t page_count,
                  codec::PageDigest sum);
  // From all digests of a table. Throws kDamagedObject where one cannot be read.
  static RunningChecksum of(const DigestTable& table, const codec::ChecksumKey& key);
  // The sum over the first pages of a table that need not be published yet.
  static codec::PageDigest sum_of(const DigestTable& table, const codec::ChecksumKey& key,
                                  std::uint64_t page_count);

  // `before` must be the digest that the page had.
  void change(std::uint64_t page, codec::PageDigest before, codec::PageDigest after);
  // Pages that go need their digests; those that come begin as if their digest were zero, and are
  // change()d from that.
  using DigestOf = std::function<codec::PageDigest(std::uint64_t page)>;
  void resize(std::uint64_t page_count, const DigestOf& digest_of);

  std::uint64_t page_count() const { return page_count_; }
  std::string finish() const;  // 64 digits
  codec::PageDigest sum() const { return sum_; }

 private:
  const codec::ChecksumKey* key_;
  std::uint32_t page_size_;
  std::uint64_t page_count_;
  codec::PageDigest sum_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_RUNNING_CHECKSUM_H_
