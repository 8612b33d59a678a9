// The newest content of the pages that changed since a database's last snapshot, in memory: what
// segments reach back with, and what the next snapshot is closed with.
#ifndef HOLDFAST_ENGINE_REPLICATE_PAGE_OVERLAY_H_
#define HOLDFAST_ENGINE_REPLICATE_PAGE_OVERLAY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/page_digest.h"

namespace holdfast::engine {

struct OverlayPage {
  std::uint64_t position = 0;  // that wrote it last
  codec::PageDigest digest;
  std::shared_ptr<const Bytes> content;  // shared with closings under way
};

// By one thread at a time. A copy shares the content.
class PageOverlay {
 public:
  void set(std::uint32_t page, OverlayPage content);
  const OverlayPage* find(std::uint32_t page) const;
  // Pages written after `position`, in order.
  std::vector<std::uint32_t> written_after(std::uint64_t position) const;
  std::size_t bytes_after(std::uint64_t position) const;
  // Forgets what is beyond the page count, or was written at or before `position` (it is in a
  // snapshot now).
  void cut(std::uint64_t page_count);
  void drop_until(std::uint64_t position);
  void clear();

  std::size_t bytes() const { return bytes_; }
  const std::map<std::uint32_t, OverlayPage>& pages() const { return pages_; }

 private:
  std::map<std::uint32_t, OverlayPage> pages_;
  std::size_t bytes_ = 0;
};

// How far back segment number `count` (from 1, since the last anchor) reaches: the largest power of
// four that divides it, as a number of segments. So the way back from any of 4^k segments is at
// most 3k long, and every position whose number is a multiple of 4^j is reached by such ones alone,
// which lets the others be thinned out. A writer reaches less far when that were too many bytes.
std::uint64_t segment_reach(std::uint64_t count);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_PAGE_OVERLAY_H_
