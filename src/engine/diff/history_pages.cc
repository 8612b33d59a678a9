#include "engine/diff/history_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::LeafRun;
using repository::MapLeaf;
using sqlite::PageNumber;

constexpr std::size_t kKeptBlobBytes = std::size_t{32} << 20;
constexpr std::size_t kKeptLeaves = 32;

Error beyond_blob(const repository::DatabaseState& state, const BlobId& id) {
  return Error(ErrorCode::kDamagedObject,
               fmt::format("the page map of {} points beyond blob {}", state.name, id.hex()));
}

}  // namespace

HistoryPages::HistoryPages(const repository::BlobReader& reader,
                           const repository::DatabaseState& base,
                           const repository::DatabaseState& state, const NewerPages& newer)
    : reader_(reader),
      base_(base),
      state_(state),
      newer_(newer),
      hasher_(reader.repository().keys().pages) {
  repository::BlobDecoder decoder(reader.repository().keys());
  leaf_ids_.resize(repository::leaf_count(base.page_count));
  repository::visit_leaves(base.map, base.page_count, reader.node_getter(decoder),
                           [&](std::uint64_t number, const BlobId& id) { leaf_ids_[number] = id; });
}

sqlite::Geometry HistoryPages::geometry() const {
  return {.page_size = state_.page_size, .page_count = static_cast<PageNumber>(state_.page_count)};
}

void HistoryPages::refuse(std::uint64_t page) const {
  throw Error(ErrorCode::kDamagedObject,
              fmt::format("the page map of {} has no page {}", state_.name, page));
}

template <typename Visit, typename Newer>
void HistoryPages::visit_pages(PageNumber first, std::uint64_t count, const Visit& visit,
                               const Newer& newer) {
  std::uint64_t page = first;
  const std::uint64_t end = first + count;
  auto next = newer_.lower_bound(first);
  while (page < end) {
    if (next != newer_.end() && next->first == page) {
      newer(page, next->second);
      ++next;
      ++page;
      continue;
    }
    const std::uint64_t stop =
        next == newer_.end() ? end : std::min<std::uint64_t>(end, next->first);
    const std::uint64_t number = (page - 1) / repository::kLeafPages;
    const auto leaf = this->leaf(number);
    const std::uint64_t begun = page;
    std::uint64_t run_first = number * repository::kLeafPages + 1;
    for (const LeafRun& run : leaf->runs) {
      const std::uint64_t run_end = std::min(stop, run_first + run.count);
      if (page >= run_first && page < run_end) {
        visit(page, run_end - page, leaf->blobs[run.blob], run.slot + (page - run_first));
        page = run_end;
      }
      run_first += run.count;
      if (page == stop) break;
    }
    if (page == begun) refuse(page);
  }
}

void HistoryPages::read(PageNumber first, MutableByteView out) {
  const std::size_t page_size = state_.page_size;
  const auto place = [&](std::uint64_t page, std::uint64_t count) {
    return out.subspan((page - first) * page_size, count * page_size);
  };
  try {
    visit_pages(
        first, out.size() / page_size,
        [&](std::uint64_t page, std::uint64_t count, const BlobId& id, std::uint64_t slot) {
          const auto pages = blob(id);
          if ((slot + count) * page_size > pages->size()) throw beyond_blob(state_, id);
          std::memcpy(place(page, count).data(), pages->data() + slot * page_size,
                      count * page_size);
        },
        [&](std::uint64_t page, ByteView content) {
          std::memcpy(place(page, 1).data(), content.data(), page_size);
        });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    throw;
  }
}

void HistoryPages::digests(PageNumber first, std::span<PageDigest> out) {
  visit_pages(
      first, out.size(),
      [&](std::uint64_t page, std::uint64_t count, const BlobId& id, std::uint64_t slot) {
        const std::vector<PageDigest> known = reader_.digests(id);
        if (slot + count > known.size()) throw beyond_blob(state_, id);
        std::copy_n(known.begin() + static_cast<std::ptrdiff_t>(slot), count,
                    out.begin() + static_cast<std::ptrdiff_t>(page - first));
      },
      [&](std::uint64_t page, ByteView content) { out[page - first] = hasher_.digest(content); });
}

void HistoryPages::rethrow_failure() const {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

std::shared_ptr<const MapLeaf> HistoryPages::leaf(std::uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find(leaves_, number, &Leaf::number);
    if (known != leaves_.end()) {
      leaves_.splice(leaves_.begin(), leaves_, known);
      return known->leaf;
    }
  }
  if (number >= leaf_ids_.size()) refuse(number * repository::kLeafPages + 1);
  repository::BlobDecoder decoder(reader_.repository().keys());
  auto leaf = std::make_shared<const MapLeaf>(repository::parse_leaf(
      reader_.read_tree(leaf_ids_[number], repository::BlobKind::kMapLeaf, decoder),
      repository::leaf_pages(base_.page_count, number)));
  const std::lock_guard lock(mutex_);
  leaves_.push_front({number, leaf});
  if (leaves_.size() > kKeptLeaves) leaves_.pop_back();
  return leaf;
}

std::shared_ptr<const Bytes> HistoryPages::blob(const BlobId& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find(blobs_, id, &Blob::id);
    if (known != blobs_.end()) {
      blobs_.splice(blobs_.begin(), blobs_, known);
      return known->pages;
    }
  }
  auto pages = std::make_shared<const Bytes>(fetch(id));
  const std::lock_guard lock(mutex_);
  blobs_.push_front({id, pages});
  blob_bytes_ += pages->size();
  while (blob_bytes_ > kKeptBlobBytes && blobs_.size() > 1) {
    blob_bytes_ -= blobs_.back().pages->size();
    blobs_.pop_back();
  }
  return pages;
}

Bytes HistoryPages::fetch(const BlobId& id) {
  const auto& keys = reader_.repository().keys();
  std::unique_ptr<repository::BlobDecoder> decoder;
  {
    const std::lock_guard lock(mutex_);
    if (!decoders_.empty()) {
      decoder = std::move(decoders_.back());
      decoders_.pop_back();
    }
  }
  if (!decoder) decoder = std::make_unique<repository::BlobDecoder>(keys);
  Bytes buffer;
  const std::size_t size = reader_.read(id, *decoder, buffer).size();
  {
    const std::lock_guard lock(mutex_);
    decoders_.push_back(std::move(decoder));
  }
  buffer.resize(size);
  std::vector<PageDigest> digests(size / state_.page_size);
  if (size % state_.page_size == 0) hasher_.digest_pages(buffer, state_.page_size, digests);
  if (size % state_.page_size != 0 || repository::pages_id(keys, state_.page_size, digests) != id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", id.hex()));
  }
  return buffer;
}

}  // namespace holdfast::engine
