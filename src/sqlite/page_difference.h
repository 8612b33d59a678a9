// Which pages of two databases differ: what spares a comparison of rows from reading through SQL
// what is the same.
#ifndef HOLDFAST_SQLITE_PAGE_DIFFERENCE_H_
#define HOLDFAST_SQLITE_PAGE_DIFFERENCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/progress.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

class OverflowOwners;

// One bit a page.
class PageBits {
 public:
  static constexpr PageNumber kWordPages = 64;  // threads may set bits of different words at once

  explicit PageBits(PageNumber page_count) : words_(page_count / kWordPages + std::size_t{1}) {}
  bool test(PageNumber page) const { return (words_[page / 64] >> (page % 64) & 1) != 0; }
  void set(PageNumber page) { words_[page / 64] |= std::uint64_t{1} << (page % 64); }

 private:
  std::vector<std::uint64_t> words_;
};

// Tells pages that differ without a look at both of them. Thread safe.
class PageFinder {
 public:
  virtual ~PageFinder() = default;
  // Appends those of pages first, first + 1, … that are not the same on both sides; may append one
  // that is.
  virtual void find(PageNumber first, PageNumber count, std::vector<PageNumber>& out) = 0;
};

// Immutable.
class PageDifference {
 public:
  // Reads both views from end to end, on `threads` threads; four bytes a page while it runs. Empty
  // where pages tell nothing: another page size or text encoding, a damaged list of free pages, or
  // more than 33 million pages.
  static std::optional<PageDifference> between(PageSource& before, PageSource& after,
                                               unsigned threads, Progress& progress);

  // The same as far as `finder` knows. `read` is the view of which pages are read, where what is in
  // overflow pages must be told; all of it, but only if it must. Empty too if more than `most`
  // pages differ.
  static std::optional<PageDifference> between(PageSource& before, PageSource& after,
                                               PageSource& read, PageFinder& finder,
                                               std::size_t most, unsigned threads,
                                               Progress& progress);

  // False: where both databases have this page in one b-tree, all of its cells are the same, those
  // that go on in other pages too.
  bool differs(PageNumber page) const { return page > both_ || differs_.test(page); }

 private:
  explicit PageDifference(PageNumber both) : both_(both), differs_(both) {}

  void add_owners(const OverflowOwners& owners, const std::vector<PageNumber>& different);

  PageNumber both_;  // pages that both have
  PageBits differs_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_DIFFERENCE_H_
