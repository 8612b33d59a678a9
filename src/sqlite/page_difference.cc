#include "sqlite/page_difference.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "base/parallel.h"
#include "sqlite/file_header.h"
#include "sqlite/overflow_owners.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kSliceBytes = std::size_t{256} << 10;  // two of them stay in the cache
// What must be fetched comes in larger pieces, which no two threads should fetch.
constexpr std::size_t kFetchedBytes = std::size_t{4} << 20;

FileHeader header_of(PageSource& source) {
  Bytes page(source.geometry().page_size);
  source.read(1, page);
  return FileHeader::parse(page);
}

bool are_comparable(PageSource& before, PageSource& after) {
  if (before.geometry().page_size != after.geometry().page_size) return false;
  const FileHeader a = header_of(before), b = header_of(after);
  return a.encoding == b.encoding && a.reserved_bytes == b.reserved_bytes;
}

// Calls visit(first, count, found) on several threads for all pages up to `both`, and gives back
// what they found. Slices begin at pages that are a multiple of 64, as words of bits do; the first
// lacks page 0.
template <typename MakeVisit>
std::vector<PageNumber> find_pages(PageNumber both, std::size_t page_size, std::size_t slice_bytes,
                                   unsigned threads, const MakeVisit& make_visit) {
  const auto slice =
      static_cast<PageNumber>(std::max<std::size_t>(slice_bytes / page_size, PageBits::kWordPages));
  std::vector<PageNumber> pages;
  std::mutex mutex;
  std::atomic<PageNumber> next{0};
  run_parallel(thread_count(threads), [&](const std::atomic<bool>& stop) {
    auto visit = make_visit(slice * page_size);
    std::vector<PageNumber> found;
    while (!stop) {
      const PageNumber start = next.fetch_add(slice);
      if (start > both) break;
      const PageNumber first = std::max(start, PageNumber{1});
      visit(first, std::min(both, start + slice - 1) + 1 - first, found);
    }
    const std::lock_guard lock(mutex);
    pages.insert(pages.end(), found.begin(), found.end());
  });
  return pages;
}

std::vector<PageNumber> overflow_among(PageSource& source, const OverflowOwners& owners,
                                       std::vector<PageNumber> pages) {
  Bytes content(source.geometry().page_size);
  std::erase_if(pages, [&](PageNumber page) {
    source.read(page, content);
    return !owners.may_be_overflow(page, content);
  });
  return pages;
}

// Looks at the pages around those that a climb ends at, until all have led to an owner: a row's
// pages mostly lie together. Where that does not get on, at all.
class OwnerSearch {
 public:
  OwnerSearch(PageSource& source, OverflowOwners& owners, PageNumber both, unsigned threads,
              Progress& progress)
      : source_(source),
        owners_(owners),
        both_(both),
        threads_(thread_count(threads)),
        progress_(progress),
        seen_(both / kChunk + std::size_t{1}) {}

  template <typename Stop>
  void run(const std::vector<PageNumber>& pages, const Stop& stop) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<PageNumber> chunks;
      bool complete = true;
      for (const PageNumber page : pages) {
        const PageNumber end = owners_.climb(page, stop).end;
        if (end == 0) continue;
        complete = false;
        add(end, chunks);
        add(end < kChunk / 2 ? end : end - kChunk / 2, chunks);
        add(std::min(both_, end + kChunk / 2), chunks);
      }
      if (complete) return;
      if (chunks.empty()) break;
      look_at(chunks);
    }
    std::vector<PageNumber> rest;
    for (PageNumber page = 0; page <= both_; page += kChunk) add(page, rest);
    look_at(rest);
  }

 private:
  static constexpr PageNumber kChunk = 256;  // a multiple of PageBits::kWordPages
  static constexpr int kRounds = 8;

  void add(PageNumber page, std::vector<PageNumber>& chunks) {
    if (seen_[page / kChunk]) return;
    seen_[page / kChunk] = true;
    chunks.push_back(page / kChunk);
  }
  void look_at(const std::vector<PageNumber>& chunks) {
    const std::size_t page_size = source_.geometry().page_size;
    std::atomic<std::size_t> next{0};
    run_parallel(threads_, [&](const std::atomic<bool>& stop) {
      Bytes buffer(kChunk * page_size);
      // Neighbours by one thread: what both are in is fetched once.
      for (std::size_t i = next.fetch_add(kTogether); i < chunks.size() && !stop;
           i = next.fetch_add(kTogether)) {
        for (std::size_t j = i; j < std::min(i + kTogether, chunks.size()); ++j) {
          look_at(chunks[j], buffer);
        }
      }
    });
  }
  void look_at(PageNumber chunk, Bytes& buffer) {
    const std::size_t page_size = source_.geometry().page_size;
    const PageNumber first = std::max(chunk * kChunk, PageNumber{1});
    const PageNumber count = std::min(both_, chunk * kChunk + kChunk - 1) + 1 - first;
    const MutableByteView pages = MutableByteView(buffer).first(count * page_size);
    source_.read(first, pages);
    for (PageNumber i = 0; i < count; ++i) {
      owners_.look_at(first + i, pages.subspan(i * page_size, page_size));
    }
    progress_.advance(0);
  }
  static constexpr std::size_t kTogether = 4;

  PageSource& source_;
  OverflowOwners& owners_;
  PageNumber both_;
  unsigned threads_;
  Progress& progress_;
  std::vector<bool> seen_;
};

}  // namespace

std::optional<PageDifference> PageDifference::between(PageSource& before, PageSource& after,
                                                      unsigned threads, Progress& progress) {
  if (!are_comparable(before, after)) return std::nullopt;
  auto owners = OverflowOwners::of(before);
  if (!owners) return std::nullopt;
  const std::size_t page_size = before.geometry().page_size;
  PageDifference difference(std::min(before.geometry().page_count, after.geometry().page_count));
  const auto compare = [&](std::size_t slice_bytes) {
    return [&, a = Bytes(slice_bytes), b = Bytes(slice_bytes)](
               PageNumber first, PageNumber count, std::vector<PageNumber>& found) mutable {
      const MutableByteView left = MutableByteView(a).first(count * page_size);
      const MutableByteView right = MutableByteView(b).first(count * page_size);
      before.read(first, left);
      after.read(first, right);
      const bool equal = std::memcmp(left.data(), right.data(), left.size()) == 0;
      for (PageNumber i = 0; i < count; ++i) {
        const std::size_t at = i * page_size;
        owners->look_at(first + i, left.subspan(at, page_size));
        if (equal || std::memcmp(left.data() + at, right.data() + at, page_size) == 0) continue;
        found.push_back(first + i);
      }
      progress.advance(2 * left.size());
    };
  };
  const auto different = find_pages(difference.both_, page_size, kSliceBytes, threads, compare);
  for (const PageNumber page : different) difference.differs_.set(page);
  difference.add_owners(*owners, different);
  return difference;
}

std::optional<PageDifference> PageDifference::between(PageSource& before, PageSource& after,
                                                      PageSource& read, PageFinder& finder,
                                                      std::size_t most, unsigned threads,
                                                      Progress& progress) {
  if (!are_comparable(before, after)) return std::nullopt;
  auto owners = OverflowOwners::of(read);
  if (!owners) return std::nullopt;
  const std::size_t page_size = before.geometry().page_size;
  PageDifference difference(std::min(before.geometry().page_count, after.geometry().page_count));
  const auto find = [&](std::size_t) {
    return [&](PageNumber first, PageNumber count, std::vector<PageNumber>& found) {
      finder.find(first, count, found);
      progress.advance(count * page_size);
    };
  };
  const auto different = find_pages(difference.both_, page_size, kFetchedBytes, threads, find);
  if (different.size() > most) return std::nullopt;
  for (const PageNumber page : different) difference.differs_.set(page);
  const auto overflow = overflow_among(read, *owners, different);
  OwnerSearch(read, *owners, difference.both_, threads, progress)
      .run(overflow, [&](PageNumber page) { return difference.differs(page); });
  difference.add_owners(*owners, overflow);
  return difference;
}

// A page that is the same but names overflow pages that are not holds rows that differ. Where the
// chain meets another page that differs, that one leads on.
void PageDifference::add_owners(const OverflowOwners& owners,
                                const std::vector<PageNumber>& different) {
  const PageBits as_read = differs_;
  for (const PageNumber page : different) {
    const auto climb =
        owners.climb(page, [&](PageNumber p) { return p > both_ || as_read.test(p); });
    if (climb.owner) differs_.set(*climb.owner);
  }
}

}  // namespace holdfast::sqlite
