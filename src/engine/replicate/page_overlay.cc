#include "engine/replicate/page_overlay.h"

#include <utility>

namespace holdfast::engine {

void PageOverlay::set(std::uint32_t page, OverlayPage content) {
  OverlayPage& place = pages_[page];
  if (place.content) bytes_ -= place.content->size();
  bytes_ += content.content->size();
  place = std::move(content);
}

const OverlayPage* PageOverlay::find(std::uint32_t page) const {
  const auto found = pages_.find(page);
  return found == pages_.end() ? nullptr : &found->second;
}

std::vector<std::uint32_t> PageOverlay::written_after(std::uint64_t position) const {
  std::vector<std::uint32_t> pages;
  for (const auto& [number, page] : pages_) {
    if (page.position > position) pages.push_back(number);
  }
  return pages;
}

std::size_t PageOverlay::bytes_after(std::uint64_t position) const {
  std::size_t bytes = 0;
  for (const auto& [number, page] : pages_) {
    if (page.position > position) bytes += page.content->size();
  }
  return bytes;
}

void PageOverlay::cut(std::uint64_t page_count) {
  while (!pages_.empty() && pages_.rbegin()->first > page_count) {
    const auto last = std::prev(pages_.end());
    bytes_ -= last->second.content->size();
    pages_.erase(last);
  }
}

void PageOverlay::drop_until(std::uint64_t position) {
  std::erase_if(pages_, [&](const auto& entry) {
    const bool old = entry.second.position <= position;
    if (old) bytes_ -= entry.second.content->size();
    return old;
  });
}

void PageOverlay::clear() {
  pages_.clear();
  bytes_ = 0;
}

std::uint64_t segment_reach(std::uint64_t count) {
  std::uint64_t reach = 1;
  while (count != 0 && count % 4 == 0) {
    count /= 4;
    reach *= 4;
  }
  return reach;
}

}  // namespace holdfast::engine
