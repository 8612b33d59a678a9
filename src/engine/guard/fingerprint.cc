#include "engine/guard/fingerprint.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"
#include "codec/page_digest.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;

constexpr std::size_t kReadBytes = 1u << 20;

// What was known of the pages of one chunk; nothing, where the table cannot be read.
std::uint64_t read_known(const DigestTable& table, std::uint64_t chunk,
                         std::vector<PageDigest>& known) {
  const std::uint64_t first = chunk * kChunkPages, pages = table.header().page_count;
  if (first >= pages) return 0;
  try {
    table.read_chunk(chunk, known);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) throw;
    return 0;
  }
  return std::min(pages - first, kChunkPages);
}

}  // namespace

Fingerprint take_fingerprint(const repository::Repository& repository, sqlite::PageSource& source,
                             const DigestTable* table, unsigned threads) {
  Fingerprint print{.geometry = source.geometry(), .checksum = {}, .same = 0, .facts = {}};
  const auto [page_size, page_count] = print.geometry;
  if (table != nullptr && table->header().page_size != page_size) table = nullptr;
  print.facts.resize(page_count);
  const codec::PageHasher hasher(repository.keys().pages);
  const codec::ChecksumKey key(repository.keys().checksum);
  codec::DatabaseChecksum sum(key);
  std::mutex mutex;  // guards sum and print.same
  std::atomic<std::uint64_t> next{0};

  const auto work = [&](const std::atomic<bool>& stop) {
    codec::DatabaseChecksum own_sum(key);
    std::uint64_t own_same = 0;
    Bytes content;
    std::vector<PageDigest> digests(kChunkPages), known(kChunkPages);
    const std::uint64_t run = std::clamp<std::uint64_t>(kReadBytes / page_size, 1, kChunkPages);
    for (std::uint64_t chunk = next++; chunk * kChunkPages < page_count && !stop; chunk = next++) {
      const std::uint64_t first = chunk * kChunkPages + 1;
      const std::uint64_t count = std::min<std::uint64_t>(kChunkPages, page_count - first + 1);
      for (std::uint64_t done = 0; done < count; done += run) {
        const std::uint64_t pages = std::min(run, count - done);
        content.resize(pages * page_size);
        source.read(static_cast<sqlite::PageNumber>(first + done), content);
        hasher.digest_pages(content, page_size, std::span(digests).subspan(done, pages));
        for (std::uint64_t i = 0; i < pages; ++i) {
          const auto page = static_cast<std::uint32_t>(first + done + i);
          print.facts[page - 1] =
              sqlite::facts_of(page, ByteView(content).subspan(i * page_size, page_size));
        }
      }
      own_sum.add(first, std::span(digests).first(count));
      const std::uint64_t compared = table == nullptr ? 0 : read_known(*table, chunk, known);
      for (std::uint64_t i = 0; i < std::min(compared, count); ++i) {
        if (known[i] == digests[i]) ++own_same;
      }
    }
    const std::lock_guard lock(mutex);
    sum.add(own_sum);
    print.same += own_same;
  };
  run_parallel(thread_count(threads), work);
  print.checksum = sum.finish(page_size, page_count);
  return print;
}

}  // namespace holdfast::engine
