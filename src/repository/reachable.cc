#include "repository/reachable.h"

#include "base/error.h"
#include "repository/page_map.h"

namespace holdfast::repository {
namespace {

// One level of a map, as far as it was not reached before.
struct MapLevel {
  std::vector<BlobId> ids;
  std::vector<std::uint64_t> numbers;  // of each, from the left
};

class Walk {
 public:
  Walk(const BlobReader& reader, Reachable& reachable)
      : reader_(reader), decoder_(reader.repository().keys()), reachable_(reachable) {}

  // False if a part of the map cannot be read.
  bool walk(const DatabaseState& state);

 private:
  void reach(const BlobId& id, std::uint64_t number, MapLevel& level);
  bool reach(const BlobId& id);
  // Reads all of a level and hands out what can be read.
  void read(const MapLevel& level, BlobKind kind,
            const std::function<void(ByteView content, std::uint64_t number)>& use);

  const BlobReader& reader_;
  BlobDecoder decoder_;
  Reachable& reachable_;
  bool readable_ = true;
};

bool Walk::reach(const BlobId& id) {
  const bool first = reachable_.blobs.insert(id);
  if (first && !reader_.index().contains(id)) ++reachable_.missing;
  return first;
}

void Walk::reach(const BlobId& id, std::uint64_t number, MapLevel& level) {
  if (!reach(id)) return;
  level.ids.push_back(id);
  level.numbers.push_back(number);
}

void Walk::read(const MapLevel& level, BlobKind kind,
                const std::function<void(ByteView content, std::uint64_t number)>& use) {
  const auto lost = [&](const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject && error.code() != ErrorCode::kMissingObject) {
      throw error;
    }
    readable_ = false;
  };
  reader_.read_trees(
      level.ids, kind, decoder_,
      [&](std::size_t i, ByteView content) {
        try {
          use(content, level.numbers[i]);
        } catch (const Error& error) {
          lost(error);
        }
      },
      [&](std::size_t, const Error& error) { lost(error); });
}

bool Walk::walk(const DatabaseState& state) {
  readable_ = state.page_count > 0;
  if (!readable_) return false;
  MapLevel level;
  reach(state.map, 0, level);
  for (int height = map_height(state.page_count); height > 0; --height) {
    MapLevel below;
    read(level, BlobKind::kMapNode, [&](ByteView content, std::uint64_t number) {
      const std::uint64_t first = number * kNodeFanout;
      const std::uint64_t count = tree_count(state.page_count, height - 1);
      const auto children = parse_node(content, std::min(kNodeFanout, count - first));
      for (std::size_t i = 0; i < children.size(); ++i) reach(children[i], first + i, below);
    });
    level = std::move(below);
  }
  read(level, BlobKind::kMapLeaf, [&](ByteView content, std::uint64_t number) {
    for (const BlobId& blob : parse_leaf(content, leaf_pages(state.page_count, number)).blobs) {
      reach(blob);
    }
  });
  return readable_;
}

}  // namespace

Reachable find_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots,
                         Progress& progress) {
  Reachable reachable{.blobs = BlobSet(reader.index()), .missing = 0, .unreadable_maps = {}};
  add_reachable(reader, snapshots, reachable, progress);
  return reachable;
}

void add_reachable(const BlobReader& reader, std::span<const Snapshot> snapshots, Reachable& known,
                   Progress& progress) {
  Walk walk(reader, known);
  for (const Snapshot& snapshot : snapshots) {
    bool readable = true;
    for (const DatabaseState& state : snapshot.databases) readable &= walk.walk(state);
    if (!readable) known.unreadable_maps.push_back(snapshot.id);
    progress.advance(1);
  }
}

}  // namespace holdfast::repository
