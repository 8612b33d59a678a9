#include "repository/reachable.h"

#include "base/error.h"
#include "repository/page_map.h"

namespace holdfast::repository {

Reachable find_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots,
                         Progress& progress) {
  Reachable reachable;
  BlobDecoder decoder(reader.repository().keys());
  const auto reach = [&](const BlobId& id) {
    const bool first = reachable.blobs.insert(id).second;
    if (first && !reader.index().contains(id)) ++reachable.missing;
    return first;
  };
  const GetNode node = [&](const BlobId& id) {
    reach(id);
    return reader.read_tree(id, BlobKind::kMapNode, decoder);
  };
  for (const Snapshot& snapshot : snapshots) {
    bool readable = true;
    for (const DatabaseState& state : snapshot.databases) {
      const auto visit = [&](std::uint64_t number, const BlobId& id) {
        if (!reach(id)) return;
        try {
          const MapLeaf leaf = parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder),
                                          leaf_pages(state.page_count, number));
          for (const BlobId& blob : leaf.blobs) reach(blob);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kDamagedObject &&
              error.code() != ErrorCode::kMissingObject) {
            throw;
          }
          readable = false;
        }
      };
      visit_leaves(state.map, state.page_count, node, visit,
                   [&](std::uint64_t, std::uint64_t) { readable = false; });
    }
    if (!readable) reachable.unreadable_maps.push_back(snapshot.id);
    progress.advance(1);
  }
  return reachable;
}

}  // namespace holdfast::repository
