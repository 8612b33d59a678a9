#include "engine/replicate/running_checksum.h"

#include <algorithm>
#include <array>
#include <span>

namespace holdfast::engine {

using codec::PageDigest;

RunningChecksum::RunningChecksum(const codec::ChecksumKey& key, std::uint32_t page_size,
                                 std::uint64_t page_count, PageDigest sum)
    : key_(&key), page_size_(page_size), page_count_(page_count), sum_(sum) {}

RunningChecksum RunningChecksum::of(const DigestTable& table, const codec::ChecksumKey& key) {
  const DigestTable::Header& header = table.header();
  return {key, header.page_size, header.page_count, sum_of(table, key, header.page_count)};
}

PageDigest RunningChecksum::sum_of(const DigestTable& table, const codec::ChecksumKey& key,
                                   std::uint64_t page_count) {
  codec::DatabaseChecksum sum(key);
  std::array<PageDigest, kChunkPages> digests;
  for (std::uint64_t done = 0; done < page_count; done += kChunkPages) {
    table.read_chunk(done / kChunkPages, digests);
    const std::uint64_t pages = std::min<std::uint64_t>(kChunkPages, page_count - done);
    sum.add(done + 1, std::span(digests).first(pages));
  }
  return sum.sum();
}

void RunningChecksum::change(std::uint64_t page, PageDigest before, PageDigest after) {
  if (before == after) return;
  sum_ = sum_ + codec::multiply(before + after, key_->power(page));
}

void RunningChecksum::resize(std::uint64_t page_count, const DigestOf& digest_of) {
  for (std::uint64_t page = page_count + 1; page <= page_count_; ++page) {
    change(page, digest_of(page), PageDigest{});
  }
  page_count_ = page_count;
}

std::string RunningChecksum::finish() const {
  codec::DatabaseChecksum sum(*key_);
  sum.add_range(0, sum_);
  return sum.finish(page_size_, page_count_);
}

}  // namespace holdfast::engine
