#include "engine/restore/page_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/page_map.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::BlobReader;
using repository::DatabaseState;

constexpr std::size_t kMostAtHand = 16u << 20;  // bytes
constexpr std::size_t kScatteredPieces = 4;     // at least, and
constexpr std::size_t kScatteredPages = 8;      // a piece, at most on average

// Calls `visit(first, count)` for what is left of a run of pages without those that are newer.
template <typename Visit>
void visit_older(std::uint64_t first, std::uint64_t end, const NewerPages& newer,
                 const Visit& visit) {
  auto next = newer.lower_bound(static_cast<std::uint32_t>(first));
  while (first < end) {
    const std::uint64_t stop =
        next == newer.end() ? end : std::min<std::uint64_t>(end, next->first);
    if (stop > first) visit(first, stop - first);
    first = stop + 1;
    if (next != newer.end()) ++next;
  }
}

}  // namespace

void prove_pages(const BlobReader& reader, const BlobId& id, ByteView pages, std::size_t page_size,
                 const codec::PageHasher& hasher, std::vector<PageDigest>& digests) {
  digests.resize(pages.size() / page_size);
  if (pages.size() % page_size != 0) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("blob {} has another page size", id.hex()));
  }
  hasher.digest_pages(pages, page_size, digests);
  if (repository::pages_id(reader.repository().keys(), static_cast<std::uint32_t>(page_size),
                           digests) != id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", id.hex()));
  }
}

MutableByteView read_pages(const BlobReader& reader, const BlobId& id, std::size_t page_size,
                           const codec::PageHasher& hasher, repository::BlobDecoder& decoder,
                           Bytes& buffer, std::vector<PageDigest>& digests) {
  const MutableByteView pages = reader.read(id, decoder, buffer);
  prove_pages(reader, id, pages, page_size, hasher, digests);
  return pages;
}

PagePlan::PagePlan(const BlobReader& reader, const DatabaseState& base, std::uint64_t page_count,
                   NewerPages newer, const codec::PageHasher& hasher, unsigned threads)
    : page_size_(base.page_size), at_hand_(std::move(newer)) {
  collect_pieces(reader, base, page_count);
  sort_pieces();
  keep(reader, hasher, scattered_blobs(), threads);
  find_loose(page_count);
}

std::span<const Piece> PagePlan::pieces(std::size_t blob) const {
  return std::span(pieces_).subspan(first_piece_[blob],
                                    first_piece_[blob + 1] - first_piece_[blob]);
}

std::vector<BlobId> PagePlan::ids() const {
  std::vector<BlobId> ids;
  ids.reserve(blobs());
  for (std::size_t blob = 0; blob < blobs(); ++blob) ids.push_back(id(blob));
  return ids;
}

void PagePlan::collect_pieces(const BlobReader& reader, const DatabaseState& base,
                              std::uint64_t page_count) {
  repository::BlobDecoder decoder(reader.repository().keys());
  std::unordered_map<BlobId, std::uint32_t> numbers;
  const auto visit = [&](std::uint64_t number, const BlobId& id) {
    if (number * repository::kLeafPages >= page_count) return;
    const repository::MapLeaf leaf =
        repository::parse_leaf(reader.read_tree(id, repository::BlobKind::kMapLeaf, decoder),
                               repository::leaf_pages(base.page_count, number));
    std::vector<std::uint32_t> known;
    for (const BlobId& blob : leaf.blobs) {
      const auto [found, added] = numbers.emplace(blob, static_cast<std::uint32_t>(ids_.size()));
      if (added) ids_.push_back(blob);
      known.push_back(found->second);
    }
    std::uint64_t page = number * repository::kLeafPages + 1;
    for (const repository::LeafRun& run : leaf.runs) {
      const auto add = [&](std::uint64_t first, std::uint64_t count) {
        pieces_.push_back({.blob = known[run.blob],
                           .slot = static_cast<std::uint32_t>(run.slot + (first - page)),
                           .count = static_cast<std::uint32_t>(count),
                           .first = static_cast<std::uint32_t>(first)});
      };
      visit_older(page, std::min(page + run.count, page_count + 1), at_hand_, add);
      page += run.count;
    }
  };
  repository::visit_leaves(base.map, base.page_count, reader.node_getter(decoder), visit);
}

void PagePlan::sort_pieces() {
  std::ranges::sort(pieces_, [](const Piece& a, const Piece& b) {
    return std::pair(a.blob, a.first) < std::pair(b.blob, b.first);
  });
  first_piece_.clear();
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (i == 0 || pieces_[i].blob != pieces_[i - 1].blob) first_piece_.push_back(i);
  }
  first_piece_.push_back(pieces_.size());
}

// The most scattered first, as many as may be kept.
std::vector<std::size_t> PagePlan::scattered_blobs() const {
  struct Scattered {
    std::size_t blob = 0, pages = 0, pieces = 0;
  };
  std::vector<Scattered> found;
  for (std::size_t blob = 0; blob < blobs(); ++blob) {
    Scattered scattered{.blob = blob, .pages = 0, .pieces = pieces(blob).size()};
    for (const Piece& piece : pieces(blob)) scattered.pages += piece.count;
    if (scattered.pieces >= kScatteredPieces &&
        scattered.pages <= kScatteredPages * scattered.pieces) {
      found.push_back(scattered);
    }
  }
  std::ranges::stable_sort(found, [](const Scattered& a, const Scattered& b) {
    return a.pages * b.pieces < b.pages * a.pieces;
  });
  std::vector<std::size_t> chosen;
  std::size_t bytes = at_hand_.size() * page_size_;
  for (const Scattered& scattered : found) {
    bytes += scattered.pages * page_size_;
    if (bytes > kMostAtHand) break;
    chosen.push_back(scattered.blob);
  }
  return chosen;
}

void PagePlan::keep(const BlobReader& reader, const codec::PageHasher& hasher,
                    const std::vector<std::size_t>& blobs, unsigned threads) {
  if (blobs.empty()) return;
  kept_.resize(blobs.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;  // guards at_hand_
  run_parallel(threads, [&](const std::atomic<bool>& stop) {
    repository::BlobDecoder decoder(reader.repository().keys());
    Bytes buffer;
    std::vector<PageDigest> digests;
    for (std::size_t i = next++; i < blobs.size() && !stop; i = next++) {
      const ByteView content =
          read_pages(reader, id(blobs[i]), page_size_, hasher, decoder, buffer, digests);
      for (const Piece& piece : pieces(blobs[i])) {
        if (piece.slot + piece.count > digests.size()) {
          throw Error(ErrorCode::kDamagedObject,
                      fmt::format("a page map points beyond blob {}", id(blobs[i]).hex()));
        }
        const ByteView part = content.subspan(piece.slot * page_size_, piece.count * page_size_);
        kept_[i].insert(kept_[i].end(), part.begin(), part.end());
      }
      const std::lock_guard lock(mutex);
      std::size_t at = 0;
      for (const Piece& piece : pieces(blobs[i])) {
        for (std::uint32_t page = piece.first; page < piece.end(); ++page, at += page_size_) {
          at_hand_.emplace(page, ByteView(kept_[i]).subspan(at, page_size_));
        }
      }
    }
  });
  std::unordered_set<std::uint32_t> gone;
  for (const std::size_t blob : blobs) gone.insert(pieces(blob).front().blob);
  std::erase_if(pieces_, [&](const Piece& piece) { return gone.contains(piece.blob); });
  sort_pieces();
}

bool PagePlan::joins(const Piece& piece, const Piece& next) const {
  const std::uint32_t gap = next.first - piece.end();
  if (gap == 0 || next.slot != piece.slot + piece.count + gap) return false;
  auto page = at_hand_.find(piece.end());
  for (std::uint32_t number = piece.end(); number < next.first; ++number, ++page) {
    if (page == at_hand_.end() || page->first != number) return false;
  }
  return true;
}

void PagePlan::find_loose(std::uint64_t page_count) {
  std::unordered_set<std::uint32_t> closing;
  for (std::size_t blob = 0; blob < blobs(); ++blob) {
    const auto all = pieces(blob);
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (!joins(all[i - 1], all[i])) continue;
      for (std::uint32_t page = all[i - 1].end(); page < all[i].first; ++page) {
        closing.insert(page);
      }
    }
  }
  for (const auto& [page, content] : at_hand_) {
    if (page <= page_count && !closing.contains(page)) loose_.push_back(page);
  }
}

}  // namespace holdfast::engine
