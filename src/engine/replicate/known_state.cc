#include "engine/replicate/known_state.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;

constexpr std::size_t kMostChunks = 8;  // in memory, 16 KiB each

}  // namespace

KnownState::KnownState(const repository::Repository& repository, env::FileSystem& files)
    : repository_(repository),
      files_(files),
      hasher_(repository.keys().pages),
      key_(repository.keys().checksum) {}

bool KnownState::open_table() {
  if (table_) return true;
  table_ = DigestTable::open(files_, path_, repository_.keys().cache);
  if (table_ && table_->header().snapshot == snapshot_) return true;
  table_.reset();
  return false;
}

bool KnownState::begin(const env::Path& table, const SnapshotId& snapshot,
                       const std::string& checksum) {
  forget();
  path_ = table;
  snapshot_ = snapshot;
  if (!open_table()) return false;
  try {
    RunningChecksum sum = RunningChecksum::of(*table_, key_);
    if (sum.finish() != checksum) {
      forget();
      return false;
    }
    checksum_ = sum;
  } catch (const Error&) {
    forget();
    return false;
  }
  table_pages_ = table_->header().page_count;
  geometry_ = {.page_size = table_->header().page_size,
               .page_count = static_cast<sqlite::PageNumber>(table_pages_)};
  return true;
}

void KnownState::forget() {
  table_.reset();
  chunks_.clear();
  checksum_.reset();
  overlay_.clear();
  bare_.clear();
}

const KnownState::Chunk& KnownState::chunk(std::uint64_t number) {
  const auto found = std::ranges::find(chunks_, number, &Chunk::number);
  if (found == chunks_.begin() && found != chunks_.end()) return chunks_.front();
  if (found != chunks_.end()) {
    std::rotate(chunks_.begin(), found, found + 1);
    return chunks_.front();
  }
  if (!open_table()) throw Error(ErrorCode::kDamagedObject, "the local page digests are gone");
  Chunk read{.number = number, .digests = std::vector<PageDigest>(kChunkPages)};
  table_->read_chunk(number, read.digests);
  if (chunks_.size() == kMostChunks) chunks_.pop_back();
  chunks_.push_front(std::move(read));
  return chunks_.front();
}

PageDigest KnownState::digest_of(std::uint64_t page) {
  const auto number = static_cast<std::uint32_t>(page);
  if (const OverlayPage* known = overlay_.find(number)) return known->digest;
  if (const auto bare = bare_.find(number); bare != bare_.end()) return bare->second;
  if (page > table_pages_) throw Error(ErrorCode::kDamagedObject, "a page was never learnt");
  return chunk((page - 1) / kChunkPages).digests[(page - 1) % kChunkPages];
}

void KnownState::read_digests(std::uint64_t first, std::span<PageDigest> out) const {
  std::ranges::fill(out, PageDigest{});
  std::vector<PageDigest> digests(kChunkPages);
  std::uint64_t loaded = ~std::uint64_t{0};
  const std::uint64_t end =
      std::min<std::uint64_t>(first + out.size(), geometry_.page_count + std::uint64_t{1});
  for (std::uint64_t page = first; page < end; ++page) {
    const auto number = static_cast<std::uint32_t>(page);
    PageDigest& digest = out[page - first];
    if (const OverlayPage* known = overlay_.find(number)) {
      digest = known->digest;
      continue;
    }
    if (const auto bare = bare_.find(number); bare != bare_.end()) {
      digest = bare->second;
      continue;
    }
    if (page > table_pages_) continue;
    const std::uint64_t chunk_number = (page - 1) / kChunkPages;
    if (chunk_number != loaded) {
      if (!table_) throw Error(ErrorCode::kDamagedObject, "the local page digests are gone");
      table_->read_chunk(chunk_number, digests);
      loaded = chunk_number;
    }
    digest = digests[(page - 1) % kChunkPages];
  }
}

bool KnownState::apply(std::uint64_t number, const sqlite::Geometry& geometry,
                       std::span<const std::uint32_t> pages, ByteView content) {
  if (!valid() || geometry.page_size != geometry_.page_size) return false;
  const std::uint64_t old_count = geometry_.page_count;
  const auto first_new = std::ranges::upper_bound(pages, old_count);
  const auto new_pages = static_cast<std::uint64_t>(pages.end() - first_new);
  if (geometry.page_count > old_count && new_pages != geometry.page_count - old_count) {
    forget();
    return false;
  }
  try {
    checksum_->resize(geometry.page_count, [this](std::uint64_t page) { return digest_of(page); });
    std::vector<PageDigest> digests(pages.size());
    hasher_.digest_pages(content, geometry.page_size, digests);
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const PageDigest before = pages[i] <= old_count ? digest_of(pages[i]) : PageDigest{};
      checksum_->change(pages[i], before, digests[i]);
    }
    overlay_.cut(geometry.page_count);
    bare_.erase(bare_.upper_bound(geometry.page_count), bare_.end());
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const ByteView page = content.subspan(i * geometry.page_size, geometry.page_size);
      overlay_.set(pages[i], {.position = number,
                              .digest = digests[i],
                              .content = std::make_shared<const Bytes>(page.begin(), page.end())});
    }
  } catch (const Error&) {
    forget();
    return false;
  }
  geometry_ = geometry;
  // Beyond its end the table speaks of pages that are gone; those that come are in the overlay.
  table_pages_ = std::min<std::uint64_t>(table_pages_, geometry_.page_count);
  return true;
}

bool KnownState::close(const SnapshotId& snapshot, std::uint64_t number) {
  if (!valid() || !has_content()) return false;
  rest();
  snapshot_ = snapshot;
  if (!open_table()) {
    forget();
    return false;
  }
  // What was cut off after the snapshot was made stays cut off.
  table_pages_ = std::min<std::uint64_t>(table_->header().page_count, geometry_.page_count);
  overlay_.drop_until(number);
  return true;
}

void KnownState::forget_content() {
  for (const auto& [number, page] : overlay_.pages()) bare_[number] = page.digest;
  overlay_.clear();
}

void KnownState::rest() {
  table_.reset();
  chunks_.clear();
}

}  // namespace holdfast::engine
