#include "engine/replicate/digest_scan.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kDigestSliceBytes = 256u << 10;  // stays in the processor's cache

// What one slice found.
struct Found {
  std::uint32_t first = 0;
  std::vector<std::uint32_t> pages;
  std::vector<codec::PageDigest> digests;
  Bytes content;
};

class Released {
 public:
  explicit Released(sqlite::PageSource& source) : source_(source) {}
  ~Released() {
    try {
      source_.release();
    } catch (...) {
      // Whoever reads on will meet the same trouble.
    }
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  sqlite::PageSource& source_;
};

}  // namespace

std::optional<ScanChanges> scan_changes(sqlite::PageSource& source, const codec::PageHasher& hasher,
                                        std::uint32_t page_size, const KnownDigests& known,
                                        std::size_t most_bytes, unsigned threads) {
  const auto begin = std::chrono::steady_clock::now();
  source.advance();
  const Released released(source);
  ScanChanges changes;
  changes.geometry = source.geometry();
  if (changes.geometry.page_size != page_size) return std::nullopt;
  const std::uint64_t slice = std::max<std::uint64_t>(1, kDigestSliceBytes / page_size);
  std::atomic<std::uint64_t> next{1}, same{0}, found_bytes{0};
  std::atomic<bool> too_many{false};
  std::mutex mutex;
  std::vector<Found> all;
  run_parallel(thread_count(threads), [&](const std::atomic<bool>& stop) {
    Buffer buffer;
    std::vector<codec::PageDigest> before(slice), now(slice);
    while (!stop && !too_many) {
      const std::uint64_t first = next.fetch_add(slice);
      if (first > changes.geometry.page_count) return;
      const std::size_t count = std::min(slice, changes.geometry.page_count - first + 1);
      const MutableByteView content = buffer.first(count * page_size);
      source.read(static_cast<sqlite::PageNumber>(first), content);
      hasher.digest_pages(content, page_size, std::span(now).first(count));
      known(first, std::span(before).first(count));
      Found found;
      found.first = static_cast<std::uint32_t>(first);
      for (std::size_t i = 0; i < count; ++i) {
        if (before[i] == now[i]) continue;
        found.pages.push_back(static_cast<std::uint32_t>(first + i));
        found.digests.push_back(now[i]);
        const ByteView page = content.subspan(i * page_size, page_size);
        found.content.insert(found.content.end(), page.begin(), page.end());
      }
      same += count - found.pages.size();
      if (found.pages.empty()) continue;
      if (found_bytes.fetch_add(found.content.size()) + found.content.size() > most_bytes) {
        too_many = true;
        return;
      }
      const std::lock_guard lock(mutex);
      all.push_back(std::move(found));
    }
  });
  if (too_many) return std::nullopt;
  if (!source.is_intact()) {
    throw Error(ErrorCode::kDatabaseChanged,
                "the database was written past all locks while it was read");
  }
  changes.same = same;
  std::ranges::sort(all, {}, &Found::first);
  for (const Found& found : all) {
    changes.pages.insert(changes.pages.end(), found.pages.begin(), found.pages.end());
    changes.digests.insert(changes.digests.end(), found.digests.begin(), found.digests.end());
    changes.content.insert(changes.content.end(), found.content.begin(), found.content.end());
  }
  changes.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return changes;
}

}  // namespace holdfast::engine
