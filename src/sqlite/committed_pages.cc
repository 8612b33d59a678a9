#include "sqlite/committed_pages.h"

#include <algorithm>

#include "sqlite/file_header.h"

namespace holdfast::sqlite {

void CommittedPages::drop_unfinished() {
  unfinished_.clear();
  unfinished_content_.clear();
  unfinished_fits_ = true;
}

bool CommittedPages::add(const Frame& frame) {
  if (full_) return false;
  if (unfinished_content_.size() + page_size_ > most_bytes_) unfinished_fits_ = false;
  if (unfinished_fits_) {
    unfinished_.push_back(frame.page);
    unfinished_content_.insert(unfinished_content_.end(), frame.content.begin(),
                               frame.content.end());
  } else {
    unfinished_content_ = {};
  }
  if (frame.commit == 0) return false;

  const auto is_new = [&](PageNumber page) { return !slots_.contains(page); };
  const auto added =
      static_cast<std::size_t>(std::count_if(unfinished_.begin(), unfinished_.end(), is_new));
  if (!unfinished_fits_ || content_.size() + added * page_size_ > most_bytes_) {
    full_ = true;
    drop_unfinished();
    return false;
  }
  for (std::size_t i = 0; i < unfinished_.size(); ++i) {
    const auto [slot, inserted] = slots_.try_emplace(unfinished_[i], slots_.size());
    if (inserted) content_.resize(content_.size() + page_size_);
    std::copy_n(unfinished_content_.begin() + static_cast<std::ptrdiff_t>(i * page_size_),
                page_size_,
                content_.begin() + static_cast<std::ptrdiff_t>(slot->second * page_size_));
  }
  drop_unfinished();
  if (!frame.repeated) ++commits_;
  page_count_ = frame.commit;
  least_count_ = std::min(least_count_, page_count_);
  return true;
}

CommittedPages::Sorted CommittedPages::sorted() {
  Sorted result;
  const auto lock_page = static_cast<PageNumber>(kLockByteOffset / page_size_ + 1);
  constexpr auto kZeros = static_cast<std::size_t>(-1);
  for (PageNumber page = least_count_ + 1; page <= page_count_ && page != 0; ++page) {
    if (slots_.contains(page)) continue;
    if (page == lock_page) {
      slots_.emplace(page, kZeros);
    } else {
      result.unlogged = page;
      return result;
    }
  }
  for (const auto& [page, slot] : slots_) {
    if (page <= page_count_) result.pages.push_back(page);
  }
  std::sort(result.pages.begin(), result.pages.end());
  result.content.resize(result.pages.size() * page_size_);
  auto to = result.content.begin();
  for (const PageNumber page : result.pages) {
    if (const std::size_t slot = slots_.at(page); slot != kZeros) {
      std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(slot * page_size_), page_size_,
                  to);
    }
    to += page_size_;
  }
  return result;
}

}  // namespace holdfast::sqlite
