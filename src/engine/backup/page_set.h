#ifndef HOLDFAST_ENGINE_BACKUP_PAGE_SET_H_
#define HOLDFAST_ENGINE_BACKUP_PAGE_SET_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace holdfast::engine {

// A set of page numbers (from 1), a bit each.
class PageSet {
 public:
  bool contains(std::uint64_t page) const {
    const std::uint64_t word = page / 64;
    return word < words_.size() && (words_[word] >> page % 64 & 1) != 0;
  }
  void insert(std::uint64_t page) { insert_range(page, 1); }
  void erase(std::uint64_t page) {
    if (page / 64 < words_.size()) words_[page / 64] &= ~(std::uint64_t{1} << page % 64);
  }
  void insert_range(std::uint64_t first, std::uint64_t count) {
    if (count == 0) return;
    const std::uint64_t last = first + count - 1;
    if (last / 64 >= words_.size()) words_.resize(last / 64 + 1);
    for (std::uint64_t word = first / 64; word <= last / 64; ++word) {
      std::uint64_t mask = ~std::uint64_t{0};
      if (word == first / 64) mask &= ~std::uint64_t{0} << first % 64;
      if (word == last / 64) mask &= ~std::uint64_t{0} >> (63 - last % 64);
      words_[word] |= mask;
    }
  }
  void clear() { words_.clear(); }
  std::uint64_t size() const {
    std::uint64_t count = 0;
    for (const std::uint64_t word : words_)
      count += static_cast<std::uint64_t>(std::popcount(word));
    return count;
  }
  bool empty() const {
    return std::ranges::all_of(words_, [](std::uint64_t word) { return word == 0; });
  }
  // The members up to `limit`, in order.
  std::vector<std::uint32_t> members(std::uint64_t limit) const {
    std::vector<std::uint32_t> pages;
    for (std::uint64_t word = 0; word < words_.size(); ++word) {
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        const auto page = word * 64 + static_cast<std::uint64_t>(std::countr_zero(bits));
        if (page <= limit) pages.push_back(static_cast<std::uint32_t>(page));
      }
    }
    return pages;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_PAGE_SET_H_
