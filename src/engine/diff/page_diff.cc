#include "engine/diff/page_diff.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/error.h"
#include "engine/diff/history_pages.h"
#include "repository/index.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::BlobReader;
using sqlite::PageNumber;

// Of so many pages one may differ: fetching pages here and there is slower than a restore.
constexpr std::size_t kFewest = 64, kOneIn = 32;

// One side, out of the history or standing.
class Pages {
 public:
  Pages(const DiffSide& side, const BlobReader& reader, const DiffRequest& request)
      : hasher_(reader.repository().keys().pages) {
    if (!side.is_history()) {
      source_ = open_standing(side, request);
      return;
    }
    const auto& state = side.point ? side.point->state : *side.state;
    const auto& base = side.point ? side.point->base : *side.state;
    history_ = std::make_unique<HistoryPages>(reader, base, state,
                                              side.point ? side.point->overlay : none_);
    try {
      source_ = sqlite::open_page_reader(*history_);
    } catch (const Error&) {
      rethrow_failure();
      throw;
    }
  }

  sqlite::PageSource& source() const { return *source_; }
  bool is_history() const { return history_ != nullptr; }
  void rethrow_failure() const {
    if (history_) history_->rethrow_failure();
  }
  void digests(PageNumber first, std::span<PageDigest> out) const {
    if (history_) {
      history_->digests(first, out);
      return;
    }
    const std::size_t page_size = source_->geometry().page_size;
    Bytes pages(out.size() * page_size);
    source_->read(first, pages);
    hasher_.digest_pages(pages, page_size, out);
  }

 private:
  const NewerPages none_;
  codec::PageHasher hasher_;
  std::unique_ptr<HistoryPages> history_;
  std::unique_ptr<sqlite::PageSource> source_;  // after what it reads from
};

class DigestFinder final : public sqlite::PageFinder {
 public:
  DigestFinder(const Pages& before, const Pages& after) : before_(before), after_(after) {}

  void find(PageNumber first, PageNumber count, std::vector<PageNumber>& out) override {
    std::vector<PageDigest> a(count), b(count);
    before_.digests(first, a);
    after_.digests(first, b);
    for (PageNumber i = 0; i < count; ++i) {
      if (a[i] != b[i]) out.push_back(first + i);
    }
  }

 private:
  const Pages& before_;
  const Pages& after_;
};

std::optional<sqlite::DifferenceSummary> compare(const Pages& before, const Pages& after,
                                                 const DiffRequest& request,
                                                 sqlite::DifferenceSink& sink, Progress& progress) {
  sqlite::PageSource &one = before.source(), &other = after.source();
  const auto a = one.geometry(), b = other.geometry();
  if (a.page_size != b.page_size || !sqlite::is_told_by_pages(one, other, request.tables)) {
    return std::nullopt;
  }
  const std::size_t most = kFewest + std::max(a.page_count, b.page_count) / kOneIn;
  if (std::max(a.page_count, b.page_count) - std::min(a.page_count, b.page_count) > most) {
    return std::nullopt;
  }
  progress.stage("Comparing pages", std::uint64_t{a.page_size} * a.page_count);
  DigestFinder finder(before, after);
  const auto pages = sqlite::PageDifference::between(one, other, after.is_history() ? one : other,
                                                     finder, most, request.threads, progress);
  if (!pages) return std::nullopt;
  sqlite::DifferenceOptions options;
  options.tables = request.tables;
  options.threads = request.threads;
  options.pages = &*pages;
  return sqlite::compare_databases(one, other, options, sink, progress);
}

}  // namespace

std::optional<sqlite::DifferenceSummary> diff_by_pages(
    const repository::Repository& repository, const DiffSide& before, const DiffSide& after,
    const DiffRequest& request, sqlite::DifferenceSink& sink, Progress& progress) {
  const repository::LoadedIndex loaded = repository::load_index(repository);
  const BlobReader reader(repository, loaded.index);
  const Pages one(before, reader, request), other(after, reader, request);
  try {
    return compare(one, other, request, sink, progress);
  } catch (const Error&) {
    one.rethrow_failure();
    other.rethrow_failure();
    throw;
  }
}

}  // namespace holdfast::engine
