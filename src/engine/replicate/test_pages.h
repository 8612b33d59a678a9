// What the tests of this folder share: pages of whole images, and overlays made from two of them.
#ifndef HOLDFAST_ENGINE_REPLICATE_TEST_PAGES_H_
#define HOLDFAST_ENGINE_REPLICATE_TEST_PAGES_H_

#include <memory>
#include <string>

#include "base/bytes.h"
#include "codec/page_digest.h"
#include "engine/replicate/page_overlay.h"

namespace holdfast::engine {

inline constexpr std::size_t kTestPage = 4096;

inline ByteView page_of(const std::string& image, std::uint64_t page,
                        std::size_t page_size = kTestPage) {
  return as_bytes(image).subspan((page - 1) * page_size, page_size);
}

inline OverlayPage overlay_page(ByteView content, std::uint64_t position,
                                const codec::PageHasher& hasher) {
  return {.position = position,
          .digest = hasher.digest(content),
          .content = std::make_shared<const Bytes>(content.begin(), content.end())};
}

// The pages of `after` that `before` does not have.
inline PageOverlay difference(const std::string& before, const std::string& after,
                              std::uint64_t position, const codec::PageHasher& hasher) {
  PageOverlay overlay;
  for (std::uint64_t page = 1; page <= after.size() / kTestPage; ++page) {
    const ByteView now = page_of(after, page);
    if (page * kTestPage <= before.size() &&
        std::equal(now.begin(), now.end(), page_of(before, page).begin())) {
      continue;
    }
    overlay.set(static_cast<std::uint32_t>(page), overlay_page(now, position, hasher));
  }
  return overlay;
}

// The checksum of a whole image.
inline std::string checksum_of(const std::string& image, const codec::PageHasher& hasher,
                               const codec::ChecksumKey& key, std::size_t page_size = kTestPage) {
  codec::DatabaseChecksum sum(key);
  std::vector<codec::PageDigest> digests(image.size() / page_size);
  hasher.digest_pages(as_bytes(image), page_size, digests);
  sum.add(1, digests);
  return sum.finish(static_cast<std::uint32_t>(page_size), digests.size());
}

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_TEST_PAGES_H_
