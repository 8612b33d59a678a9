#include "engine/restore/page_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/page_map.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::BlobReader;
using repository::DatabaseState;

// One piece of a blob and where it goes.
struct Piece {
  std::uint32_t blob = 0, slot = 0, count = 0;
  std::uint32_t first = 0;  // page
};

constexpr std::size_t kBatchPages = 256;

struct Plan {
  std::vector<BlobId> blobs;
  std::vector<Piece> pieces;  // sorted by blob
  std::vector<std::size_t>
      first_piece;  // of each blob, in the order the blobs are to be read; one more at the end
  std::vector<NewerPages::const_iterator> newer_batches;  // each of kBatchPages pages, or the rest
};

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

Plan make_plan(const BlobReader& reader, const DatabaseState& base, std::uint64_t page_count,
               const NewerPages& newer) {
  Plan plan;
  repository::BlobDecoder decoder(reader.repository().keys());
  std::unordered_map<BlobId, std::uint32_t> numbers;
  const auto visit = [&](std::uint64_t number, const BlobId& id) {
    if (number * repository::kLeafPages >= page_count) return;
    const repository::MapLeaf leaf =
        repository::parse_leaf(reader.read_tree(id, repository::BlobKind::kMapLeaf, decoder),
                               repository::leaf_pages(base.page_count, number));
    std::vector<std::uint32_t> known;
    for (const BlobId& blob : leaf.blobs) {
      const auto [found, added] =
          numbers.emplace(blob, static_cast<std::uint32_t>(plan.blobs.size()));
      if (added) plan.blobs.push_back(blob);
      known.push_back(found->second);
    }
    std::uint64_t page = number * repository::kLeafPages + 1;
    for (const repository::LeafRun& run : leaf.runs) {
      const auto add = [&](std::uint64_t first, std::uint64_t count) {
        plan.pieces.push_back({.blob = known[run.blob],
                               .slot = static_cast<std::uint32_t>(run.slot + (first - page)),
                               .count = static_cast<std::uint32_t>(count),
                               .first = static_cast<std::uint32_t>(first)});
      };
      visit_older(page, std::min(page + run.count, page_count + 1), newer, add);
      page += run.count;
    }
  };
  repository::visit_leaves(base.map, base.page_count, reader.node_getter(decoder), visit);

  std::ranges::sort(plan.pieces, [](const Piece& a, const Piece& b) {
    return std::pair(a.blob, a.first) < std::pair(b.blob, b.first);
  });
  for (std::size_t i = 0; i < plan.pieces.size(); ++i) {
    if (i == 0 || plan.pieces[i].blob != plan.pieces[i - 1].blob) plan.first_piece.push_back(i);
  }
  plan.first_piece.push_back(plan.pieces.size());
  std::size_t batch = 0;
  for (auto page = newer.begin(); page != newer.end() && page->first <= page_count; ++page) {
    if (batch++ % kBatchPages == 0) plan.newer_batches.push_back(page);
  }
  return plan;
}

class PageWriter {
 public:
  PageWriter(const BlobReader& reader, const DatabaseState& base, const DatabaseState& state,
             const NewerPages& newer, env::File& file, Progress& progress)
      : reader_(reader),
        state_(state),
        newer_(newer),
        file_(file),
        progress_(progress),
        plan_(make_plan(reader, base, state.page_count, newer)),
        hasher_(reader.repository().keys().pages),
        checksum_key_(reader.repository().keys().checksum),
        sum_(checksum_key_) {}

  void run(unsigned threads);

 private:
  void work(const std::atomic<bool>& stop);
  void write_blob(std::size_t number, repository::BlobDecoder& decoder, Bytes& buffer,
                  codec::DatabaseChecksum& sum);
  void write_newer(NewerPages::const_iterator first, Bytes& buffer, codec::DatabaseChecksum& sum);
  void write_run(std::uint32_t first, ByteView content);

  const BlobReader& reader_;
  const DatabaseState& state_;
  const NewerPages& newer_;
  env::File& file_;
  Progress& progress_;
  Plan plan_;
  codec::PageHasher hasher_;
  codec::ChecksumKey checksum_key_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  codec::DatabaseChecksum sum_;
};

void PageWriter::run(unsigned threads) {
  // Two for each core: one waits for the media while the other computes.
  run_parallel(2 * threads, [this](const std::atomic<bool>& stop) { work(stop); });
  const std::string checksum = sum_.finish(state_.page_size, state_.page_count);
  if (checksum != state_.checksum) {
    throw Error(ErrorCode::kChecksumMismatch,
                fmt::format("database {} came out with checksum {} instead of {}", state_.name,
                            checksum, state_.checksum));
  }
}

void PageWriter::work(const std::atomic<bool>& stop) {
  repository::BlobDecoder decoder(reader_.repository().keys());
  Bytes buffer;
  codec::DatabaseChecksum sum(checksum_key_);
  const std::size_t blobs = plan_.first_piece.size() - 1;
  const std::size_t steps = blobs + plan_.newer_batches.size();
  for (std::size_t number = next_++; number < steps && !stop; number = next_++) {
    if (number < blobs) {
      write_blob(number, decoder, buffer, sum);
    } else {
      write_newer(plan_.newer_batches[number - blobs], buffer, sum);
    }
  }
  const std::lock_guard lock(mutex_);
  sum_.add(sum);
}

void PageWriter::write_blob(std::size_t number, repository::BlobDecoder& decoder, Bytes& buffer,
                            codec::DatabaseChecksum& sum) {
  const auto pieces = std::span(plan_.pieces)
                          .subspan(plan_.first_piece[number],
                                   plan_.first_piece[number + 1] - plan_.first_piece[number]);
  const BlobId& id = plan_.blobs[pieces.front().blob];
  const ByteView pages = reader_.read(id, decoder, buffer);
  const std::size_t page_size = state_.page_size;
  std::vector<PageDigest> digests(pages.size() / page_size);
  if (pages.size() % page_size != 0) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("blob {} has another page size", id.hex()));
  }
  hasher_.digest_pages(pages, page_size, digests);
  if (repository::pages_id(reader_.repository().keys(), state_.page_size, digests) != id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", id.hex()));
  }
  for (const Piece& piece : pieces) {
    if (piece.slot + piece.count > digests.size()) {
      throw Error(ErrorCode::kDamagedObject,
                  fmt::format("the page map of {} points beyond blob {}", state_.name, id.hex()));
    }
    write_run(piece.first, pages.subspan(piece.slot * page_size, piece.count * page_size));
    sum.add(piece.first, std::span(digests).subspan(piece.slot, piece.count));
  }
}

// Neighbours are written at once.
void PageWriter::write_newer(NewerPages::const_iterator page, Bytes& buffer,
                             codec::DatabaseChecksum& sum) {
  std::uint32_t first = page->first;
  buffer.clear();
  for (std::size_t done = 0; done < kBatchPages; ++done, ++page) {
    if (page == newer_.end() || page->first > state_.page_count) break;
    if (page->first != first + buffer.size() / state_.page_size) {
      write_run(first, buffer);
      buffer.clear();
      first = page->first;
    }
    const codec::PageDigest digest = hasher_.digest(page->second);
    sum.add(page->first, std::span(&digest, 1));
    buffer.insert(buffer.end(), page->second.begin(), page->second.end());
  }
  write_run(first, buffer);
}

void PageWriter::write_run(std::uint32_t first, ByteView content) {
  const std::uint64_t offset = (first - 1ull) * state_.page_size;
  file_.write_at(offset, content);
  file_.start_writeback(offset, content.size());
  progress_.advance(content.size());
}

}  // namespace

void write_pages(const BlobReader& reader, const DatabaseState& state, env::File& file,
                 unsigned threads, Progress& progress) {
  write_pages(reader, state, state, {}, file, threads, progress);
}

void write_pages(const BlobReader& reader, const DatabaseState& base, const DatabaseState& state,
                 const NewerPages& newer, env::File& file, unsigned threads, Progress& progress) {
  file.allocate(state.bytes());
  file.bypass_cache();
  PageWriter(reader, base, state, newer, file, progress).run(threads);
  file.sync();
}

}  // namespace holdfast::engine
