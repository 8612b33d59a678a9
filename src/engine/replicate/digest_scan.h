// Reads a whole database within one short view and finds what differs from what is known of it.
#ifndef HOLDFAST_ENGINE_REPLICATE_DIGEST_SCAN_H_
#define HOLDFAST_ENGINE_REPLICATE_DIGEST_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/page_digest.h"
#include "sqlite/page_source.h"

namespace holdfast::engine {

struct ScanChanges {
  sqlite::Geometry geometry;
  std::uint64_t same = 0;                  // pages that are as they were known
  std::vector<std::uint32_t> pages;        // the others, sorted
  std::vector<codec::PageDigest> digests;  // of `pages`
  Bytes content;
  double seconds = 0;  // that the view was held
};
// Fills `out` with what is known of pages first, first + 1, …; zero digests for unknown pages.
using KnownDigests = std::function<void(std::uint64_t first, std::span<codec::PageDigest> out)>;

// Takes a view (advance()), reads all of it on `threads` threads and releases it. Empty if more
// than `most_bytes` changed, or the page size is not `page_size`: then a backup is the better scan.
// Throws as PageSource does, and kDatabaseChanged where the
// file was written past the locks of the view.
std::optional<ScanChanges> scan_changes(sqlite::PageSource& source, const codec::PageHasher& hasher,
                                        std::uint32_t page_size, const KnownDigests& known,
                                        std::size_t most_bytes, unsigned threads);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_DIGEST_SCAN_H_
