// The newest content of each page that a run of commits wrote, gathered frame by frame.
#ifndef HOLDFAST_SQLITE_COMMITTED_PAGES_H_
#define HOLDFAST_SQLITE_COMMITTED_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {

// By one thread at a time.
class CommittedPages {
 public:
  // Begins after a state of `page_count` pages.
  CommittedPages(std::uint32_t page_size, PageNumber page_count, std::size_t most_bytes)
      : page_size_(page_size),
        most_bytes_(most_bytes),
        page_count_(page_count),
        least_count_(page_count) {}

  // True if the frame was the commit of a transaction that is held now as a whole.
  bool add(const Frame& frame);
  // Forgets the frames of a transaction that has no end.
  void drop_unfinished();

  // A transaction did not fit: it and all after it are left out.
  bool is_full() const { return full_; }
  // No more than there were: a repeated frame may be padding.
  std::uint64_t commits() const { return commits_; }
  PageNumber page_count() const { return page_count_; }

  struct Sorted {
    std::vector<PageNumber> pages;
    Bytes content;
    PageNumber unlogged = 0;  // a page that the database grew by and that no frame holds, or 0
  };
  // Of the last commit's state: pages beyond its end are left out, the lock page has zeros.
  Sorted sorted();

 private:
  std::uint32_t page_size_;
  std::size_t most_bytes_;
  PageNumber page_count_, least_count_;
  std::uint64_t commits_ = 0;
  bool full_ = false;

  std::unordered_map<PageNumber, std::size_t> slots_;  // in units of pages of content_
  Bytes content_;
  std::vector<PageNumber> unfinished_;
  Bytes unfinished_content_;
  bool unfinished_fits_ = true;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_COMMITTED_PAGES_H_
