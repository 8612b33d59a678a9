#include "engine/backup/map_update.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <vector>

#include "base/error.h"
#include "repository/page_map.h"

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

BlobId put(repository::Writer& writer, repository::BlobEncoder& encoder, repository::BlobKind kind,
           ByteView content, MapUpdate& update) {
  const BlobId id = repository::content_id(encoder.keys(), kind, content);
  update.bytes_stored += writer.add_tree(encoder, id, kind, content);
  return id;
}

}  // namespace

MapUpdate write_map(repository::Writer& writer, const repository::BlobReader& reader,
                    repository::BlobEncoder& encoder, const BaseState* base,
                    const Placements& placements, std::uint64_t page_count) {
  MapUpdate update;
  repository::BlobDecoder decoder(encoder.keys());
  repository::MapBuilder builder([&](ByteView node) {
    return put(writer, encoder, repository::BlobKind::kMapNode, node, update);
  });
  const std::vector<Placement> placed = placements.settle(page_count);
  auto next = placed.begin();
  for (std::uint64_t number = 0; number < repository::leaf_count(page_count); ++number) {
    const std::uint64_t first = number * kLeafPages + 1;
    const std::uint64_t pages = repository::leaf_pages(page_count, number);
    const bool changed = next != placed.end() && next->first < first + pages;
    if (!changed && base != nullptr && may_share(*base, number, pages)) {
      builder.add_leaf(*base->leaves[number]);
      continue;
    }
    std::array<PagePlace, kLeafPages> places;
    repository::MapLeaf old;
    if (base != nullptr && number < base->leaves.size() && base->leaves[number]) {
      const std::uint64_t old_pages = repository::leaf_pages(base->state.page_count, number);
      old = repository::parse_leaf(
          reader.read_tree(*base->leaves[number], repository::BlobKind::kMapLeaf, decoder),
          old_pages);
      std::uint64_t at = 0;
      for (const repository::LeafRun& run : old.runs) {
        for (std::uint32_t i = 0; i < run.count; ++i, ++at) {
          if (base->backed.contains(first + at)) places[at] = {&old.blobs[run.blob], run.slot + i};
        }
      }
    }
    for (; next != placed.end() && next->first < first + pages; ++next) {
      const std::uint64_t end = std::uint64_t{next->first} + next->count;
      for (std::uint64_t page = std::max<std::uint64_t>(first, next->first);
           page < std::min(end, first + pages); ++page) {
        places[page - first] = {&placements.blob(next->blob),
                                static_cast<std::uint32_t>(next->slot + (page - next->first))};
        ++update.pages_changed;
      }
      if (end > first + pages) break;
    }
    repository::LeafBuilder leaf;
    for (std::uint64_t i = 0; i < pages;) {
      const PagePlace& start = places[i];
      if (start.blob == nullptr) {
        throw Error(ErrorCode::kInternal, fmt::format("page {} was stored nowhere", first + i));
      }
      std::uint32_t count = 1;
      while (i + count < pages && places[i + count].blob == start.blob &&
             places[i + count].slot == start.slot + count) {
        ++count;
      }
      leaf.add(*start.blob, start.slot, count);
      i += count;
    }
    builder.add_leaf(put(writer, encoder, repository::BlobKind::kMapLeaf,
                         repository::serialize(leaf.take()), update));
  }
  update.root = builder.finish();
  return update;
}

}  // namespace holdfast::engine
