#include "engine/restore/page_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/restore/page_plan.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::BlobReader;
using repository::DatabaseState;

constexpr std::size_t kBatchPages = 256;
constexpr unsigned kRequestsAtOnce = 6;  // where each takes its time

class PageWriter {
 public:
  PageWriter(const BlobReader& reader, const DatabaseState& base, const DatabaseState& state,
             const NewerPages& newer, env::File& file, unsigned threads, Progress& progress)
      : reader_(reader),
        state_(state),
        file_(file),
        threads_(threads),
        progress_(progress),
        hasher_(reader.repository().keys().pages),
        checksum_key_(reader.repository().keys().checksum),
        plan_(reader, base, state.page_count, newer, hasher_, threads),
        groups_(reader.groups_of(plan_.ids())),
        sum_(checksum_key_) {}

  void run();

 private:
  void work(const std::atomic<bool>& stop);
  void write_group(std::span<const std::uint32_t> blobs, repository::BlobDecoder& decoder,
                   Bytes& buffer, codec::DatabaseChecksum& sum);
  void write_blob(std::size_t number, MutableByteView pages, codec::DatabaseChecksum& sum);
  void write_loose(std::span<const std::uint32_t> pages, Bytes& buffer,
                   codec::DatabaseChecksum& sum);
  void add_at_hand(std::uint32_t page, codec::DatabaseChecksum& sum) const;
  void write_run(std::uint32_t first, ByteView content);

  const BlobReader& reader_;
  const DatabaseState& state_;
  env::File& file_;
  unsigned threads_;
  Progress& progress_;
  codec::PageHasher hasher_;
  codec::ChecksumKey checksum_key_;
  PagePlan plan_;
  repository::BlobGroups groups_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  codec::DatabaseChecksum sum_;
};

void PageWriter::run() {
  // Two for each core: one waits for the media while the other computes.
  const bool costly = reader_.repository().store().capabilities().costly;
  run_parallel(costly ? std::max(kRequestsAtOnce, 2 * threads_) : 2 * threads_,
               [this](const std::atomic<bool>& stop) { work(stop); });
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
  const std::span loose = plan_.loose();
  const std::size_t batches = (loose.size() + kBatchPages - 1) / kBatchPages;
  for (std::size_t number = next_++; number < groups_.size() + batches && !stop; number = next_++) {
    if (number < groups_.size()) {
      write_group(groups_[number], decoder, buffer, sum);
      continue;
    }
    const std::size_t first = (number - groups_.size()) * kBatchPages;
    write_loose(loose.subspan(first, std::min(kBatchPages, loose.size() - first)), buffer, sum);
  }
  const std::lock_guard lock(mutex_);
  sum_.add(sum);
}

void PageWriter::write_group(std::span<const std::uint32_t> blobs, repository::BlobDecoder& decoder,
                             Bytes& buffer, codec::DatabaseChecksum& sum) {
  std::vector<BlobId> ids;
  for (const std::uint32_t blob : blobs) ids.push_back(plan_.id(blob));
  reader_.read_group(ids, decoder, buffer, [&](std::size_t i, MutableByteView pages) {
    write_blob(blobs[i], pages, sum);
  });
}

// Pieces with nothing but pages at hand between them are written at once.
void PageWriter::write_blob(std::size_t number, MutableByteView pages,
                            codec::DatabaseChecksum& sum) {
  const std::size_t page_size = state_.page_size;
  thread_local std::vector<PageDigest> digests;
  prove_pages(reader_, plan_.id(number), pages, page_size, hasher_, digests);
  const std::span pieces = plan_.pieces(number);
  for (std::size_t i = 0; i < pieces.size();) {
    const Piece& start = pieces[i];
    std::uint32_t end = start.first;
    do {
      const Piece& piece = pieces[i];
      if (piece.slot + piece.count > digests.size()) {
        throw Error(ErrorCode::kDamagedObject,
                    fmt::format("the page map of {} points beyond blob {}", state_.name,
                                plan_.id(number).hex()));
      }
      for (; end < piece.first; ++end) {
        std::ranges::copy(plan_.at_hand(end),
                          pages.subspan((start.slot + (end - start.first)) * page_size).begin());
        add_at_hand(end, sum);
      }
      sum.add(piece.first, std::span(digests).subspan(piece.slot, piece.count));
      end = piece.end();
    } while (++i < pieces.size() && plan_.joins(pieces[i - 1], pieces[i]));
    write_run(start.first, pages.subspan(start.slot * page_size, (end - start.first) * page_size));
  }
}

// Neighbours are written at once.
void PageWriter::write_loose(std::span<const std::uint32_t> pages, Bytes& buffer,
                             codec::DatabaseChecksum& sum) {
  for (std::size_t i = 0; i < pages.size();) {
    const std::uint32_t first = pages[i];
    buffer.clear();
    for (std::uint32_t page = first; i < pages.size() && pages[i] == page; ++i, ++page) {
      const ByteView content = plan_.at_hand(page);
      buffer.insert(buffer.end(), content.begin(), content.end());
      add_at_hand(page, sum);
    }
    write_run(first, buffer);
  }
}

void PageWriter::add_at_hand(std::uint32_t page, codec::DatabaseChecksum& sum) const {
  const PageDigest digest = hasher_.digest(plan_.at_hand(page));
  sum.add(page, std::span(&digest, 1));
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
  PageWriter(reader, base, state, newer, file, threads, progress).run();
  file.sync();
}

}  // namespace holdfast::engine
