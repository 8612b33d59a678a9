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

struct Plan {
  std::vector<BlobId> blobs;
  std::vector<Piece> pieces;  // sorted by blob
  std::vector<std::size_t>
      first_piece;  // of each blob, in the order the blobs are to be read; one more at the end
};

Plan make_plan(const BlobReader& reader, const DatabaseState& state) {
  Plan plan;
  repository::BlobDecoder decoder(reader.repository().keys());
  std::unordered_map<BlobId, std::uint32_t> numbers;
  const auto visit = [&](std::uint64_t number, const BlobId& id) {
    const repository::MapLeaf leaf =
        repository::parse_leaf(reader.read_tree(id, repository::BlobKind::kMapLeaf, decoder),
                               repository::leaf_pages(state.page_count, number));
    std::vector<std::uint32_t> known;
    for (const BlobId& blob : leaf.blobs) {
      const auto [found, added] =
          numbers.emplace(blob, static_cast<std::uint32_t>(plan.blobs.size()));
      if (added) plan.blobs.push_back(blob);
      known.push_back(found->second);
    }
    std::uint64_t page = number * repository::kLeafPages + 1;
    for (const repository::LeafRun& run : leaf.runs) {
      plan.pieces.push_back(
          {known[run.blob], run.slot, run.count, static_cast<std::uint32_t>(page)});
      page += run.count;
    }
  };
  repository::visit_leaves(state.map, state.page_count, reader.node_getter(decoder), visit);

  std::ranges::sort(plan.pieces, [](const Piece& a, const Piece& b) {
    return std::pair(a.blob, a.first) < std::pair(b.blob, b.first);
  });
  for (std::size_t i = 0; i < plan.pieces.size(); ++i) {
    if (i == 0 || plan.pieces[i].blob != plan.pieces[i - 1].blob) plan.first_piece.push_back(i);
  }
  plan.first_piece.push_back(plan.pieces.size());
  return plan;
}

class PageWriter {
 public:
  PageWriter(const BlobReader& reader, const DatabaseState& state, env::File& file,
             Progress& progress)
      : reader_(reader),
        state_(state),
        file_(file),
        progress_(progress),
        plan_(make_plan(reader, state)),
        hasher_(reader.repository().keys().pages),
        checksum_key_(reader.repository().keys().checksum),
        sum_(checksum_key_) {}

  void run(unsigned threads);

 private:
  void work(const std::atomic<bool>& stop);
  void write_blob(std::size_t number, repository::BlobDecoder& decoder, Bytes& buffer,
                  codec::DatabaseChecksum& sum);

  const BlobReader& reader_;
  const DatabaseState& state_;
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
  run_parallel(threads, [this](const std::atomic<bool>& stop) { work(stop); });
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
  for (std::size_t number = next_++; number + 1 < plan_.first_piece.size() && !stop;
       number = next_++) {
    write_blob(number, decoder, buffer, sum);
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
    const std::uint64_t offset = (piece.first - 1ull) * page_size;
    const ByteView content = pages.subspan(piece.slot * page_size, piece.count * page_size);
    file_.write_at(offset, content);
    file_.start_writeback(offset, content.size());
    sum.add(piece.first, std::span(digests).subspan(piece.slot, piece.count));
    progress_.advance(content.size());
  }
}

}  // namespace

void write_pages(const BlobReader& reader, const DatabaseState& state, env::File& file,
                 unsigned threads, Progress& progress) {
  file.allocate(state.bytes());
  file.bypass_cache();
  PageWriter(reader, state, file, progress).run(threads);
  file.sync();
}

}  // namespace holdfast::engine
