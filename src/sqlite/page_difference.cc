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

}  // namespace

std::optional<PageDifference> PageDifference::between(PageSource& before, PageSource& after,
                                                      unsigned threads, Progress& progress) {
  if (!are_comparable(before, after)) return std::nullopt;
  auto owners = OverflowOwners::of(before);
  if (!owners) return std::nullopt;
  const std::size_t page_size = before.geometry().page_size;
  const PageNumber both = std::min(before.geometry().page_count, after.geometry().page_count);
  PageDifference difference(both);
  std::vector<PageNumber> different;
  std::mutex mutex;

  // Slices begin at pages that are a multiple of 64, as words of bits do; the first lacks page 0.
  const auto slice =
      static_cast<PageNumber>(std::max<std::size_t>(kSliceBytes / page_size, PageBits::kWordPages));
  std::atomic<PageNumber> next{0};
  run_parallel(thread_count(threads), [&](const std::atomic<bool>& stop) {
    Bytes a(slice * page_size), b(slice * page_size);
    std::vector<PageNumber> found;
    while (!stop) {
      const PageNumber start = next.fetch_add(slice);
      if (start > both) break;
      const PageNumber first = std::max(start, PageNumber{1});
      const PageNumber count = std::min(both, start + slice - 1) + 1 - first;
      const MutableByteView left = MutableByteView(a).first(count * page_size);
      const MutableByteView right = MutableByteView(b).first(count * page_size);
      before.read(first, left);
      after.read(first, right);
      const bool equal = std::memcmp(left.data(), right.data(), left.size()) == 0;
      for (PageNumber i = 0; i < count; ++i) {
        const std::size_t at = i * page_size;
        owners->look_at(first + i, left.subspan(at, page_size));
        if (equal || std::memcmp(left.data() + at, right.data() + at, page_size) == 0) continue;
        difference.differs_.set(first + i);
        found.push_back(first + i);
      }
      progress.advance(2 * left.size());
    }
    const std::lock_guard lock(mutex);
    different.insert(different.end(), found.begin(), found.end());
  });

  // A page that is the same but names overflow pages that are not holds rows that differ. Where the
  // chain meets another page that differs, that one leads on.
  const PageBits as_read = difference.differs_;
  for (const PageNumber page : different) {
    const auto owner =
        owners->owner_of(page, [&](PageNumber p) { return p > both || as_read.test(p); });
    if (owner) difference.differs_.set(*owner);
  }
  return difference;
}

}  // namespace holdfast::sqlite
