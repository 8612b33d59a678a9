#include "engine/backup/map_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/page_map.h"
#include "repository/sealed_session.h"

namespace holdfast::engine {
namespace {

using repository::kLeafPages;

struct PagePlace {
  const BlobId* blob = nullptr;  // null: not known
  std::uint32_t slot = 0;
};

bool may_share(const BaseState& base, std::uint64_t leaf, std::uint64_t pages) {
  return leaf < base.leaves.size() && base.leaves[leaf] &&
         repository::leaf_pages(base.state.page_count, leaf) == pages;
}

// The leaves are written side by side: each is read, changed and stored on its own.
class MapWriting {
 public:
  MapWriting(repository::Writer& writer, const repository::BlobReader& reader,
             const BaseState* base, const Placements& placements, std::uint64_t page_count,
             int compression_level)
      : writer_(writer),
        reader_(reader),
        base_(base),
        placements_(placements),
        page_count_(page_count),
        compression_level_(compression_level),
        placed_(placements.settle(page_count)) {}

  MapUpdate run(unsigned threads);

 private:
  using Places = std::array<PagePlace, kLeafPages>;

  repository::BlobEncoder encoder() const {
    return {reader_.repository().keys(), compression_level_};
  }
  BlobId put(repository::BlobEncoder& encoder, repository::BlobKind kind, ByteView content);
  BlobId write_leaf(repository::BlobEncoder& encoder, repository::BlobDecoder& decoder,
                    std::uint64_t number);
  // What `places` points into is kept in `old`.
  void place_old(Places& places, repository::MapLeaf& old, repository::BlobDecoder& decoder,
                 std::uint64_t number) const;
  std::uint64_t place_new(Places& places, std::vector<Placement>::const_iterator next,
                          std::uint64_t first, std::uint64_t pages) const;

  repository::Writer& writer_;
  const repository::BlobReader& reader_;
  const BaseState* base_;
  const Placements& placements_;
  std::uint64_t page_count_;
  int compression_level_;
  std::vector<Placement> placed_;
  std::atomic<std::uint64_t> pages_changed_{0}, bytes_stored_{0};
};

BlobId MapWriting::put(repository::BlobEncoder& encoder, repository::BlobKind kind,
                       ByteView content) {
  const BlobId id = repository::content_id(encoder.keys(), kind, content);
  bytes_stored_ += writer_.add_tree(encoder, id, kind, content);
  return id;
}

void MapWriting::place_old(Places& places, repository::MapLeaf& old,
                           repository::BlobDecoder& decoder, std::uint64_t number) const {
  if (base_ != nullptr && base_->sent_in) {
    for (std::uint32_t at = 0; at < kLeafPages; ++at) {
      if (!base_->backed.contains(number * kLeafPages + 1 + at)) continue;
      places[at] = {&repository::kPagesOfBase, at};
    }
    return;
  }
  if (base_ == nullptr || number >= base_->leaves.size() || !base_->leaves[number]) return;
  old = repository::parse_leaf(
      reader_.read_tree(*base_->leaves[number], repository::BlobKind::kMapLeaf, decoder),
      repository::leaf_pages(base_->state.page_count, number));
  std::uint64_t at = 0;
  for (const repository::LeafRun& run : old.runs) {
    for (std::uint32_t i = 0; i < run.count; ++i, ++at) {
      if (base_->backed.contains(number * kLeafPages + 1 + at)) {
        places[at] = {&old.blobs[run.blob], run.slot + i};
      }
    }
  }
}

// Answers how many pages were placed.
std::uint64_t MapWriting::place_new(Places& places, std::vector<Placement>::const_iterator next,
                                    std::uint64_t first, std::uint64_t pages) const {
  std::uint64_t changed = 0;
  for (; next != placed_.end() && next->first < first + pages; ++next) {
    const std::uint64_t end = std::uint64_t{next->first} + next->count;
    for (std::uint64_t page = std::max<std::uint64_t>(first, next->first);
         page < std::min(end, first + pages); ++page) {
      places[page - first] = {&placements_.blob(next->blob),
                              static_cast<std::uint32_t>(next->slot + (page - next->first))};
      ++changed;
    }
  }
  return changed;
}

BlobId MapWriting::write_leaf(repository::BlobEncoder& encoder, repository::BlobDecoder& decoder,
                              std::uint64_t number) {
  const std::uint64_t first = number * kLeafPages + 1;
  const std::uint64_t pages = repository::leaf_pages(page_count_, number);
  const auto next = std::ranges::partition_point(placed_, [&](const Placement& placement) {
    return std::uint64_t{placement.first} + placement.count <= first;
  });
  const bool changed = next != placed_.end() && next->first < first + pages;
  if (!changed && base_ != nullptr && may_share(*base_, number, pages)) {
    return *base_->leaves[number];
  }
  const auto places = std::make_unique<Places>();
  repository::MapLeaf old;
  place_old(*places, old, decoder, number);
  pages_changed_ += place_new(*places, next, first, pages);
  repository::LeafBuilder leaf;
  for (std::uint64_t i = 0; i < pages;) {
    const PagePlace& start = (*places)[i];
    if (start.blob == nullptr) {
      throw Error(ErrorCode::kInternal, fmt::format("page {} was stored nowhere", first + i));
    }
    std::uint32_t count = 1;
    while (i + count < pages && (*places)[i + count].blob == start.blob &&
           (*places)[i + count].slot == start.slot + count) {
      ++count;
    }
    leaf.add(*start.blob, start.slot, count);
    i += count;
  }
  return put(encoder, repository::BlobKind::kMapLeaf, repository::serialize(leaf.take()));
}

MapUpdate MapWriting::run(unsigned threads) {
  std::vector<BlobId> leaves(repository::leaf_count(page_count_));
  std::atomic<std::size_t> next{0};
  run_parallel(threads, [&](const std::atomic<bool>& stop) {
    repository::BlobEncoder own = encoder();
    repository::BlobDecoder decoder(own.keys());
    for (std::size_t i = next++; i < leaves.size() && !stop; i = next++) {
      leaves[i] = write_leaf(own, decoder, i);
    }
  });
  repository::BlobEncoder own = encoder();
  repository::MapBuilder builder(
      [&](ByteView node) { return put(own, repository::BlobKind::kMapNode, node); });
  for (const BlobId& leaf : leaves) builder.add_leaf(leaf);
  return {.root = builder.finish(), .pages_changed = pages_changed_, .bytes_stored = bytes_stored_};
}

}  // namespace

MapUpdate write_map(repository::Writer& writer, const repository::BlobReader& reader,
                    const BaseState* base, const Placements& placements, std::uint64_t page_count,
                    const MapWritingOptions& options) {
  return MapWriting(writer, reader, base, placements, page_count, options.compression_level)
      .run(options.threads);
}

}  // namespace holdfast::engine
