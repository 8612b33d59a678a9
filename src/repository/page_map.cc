#include "repository/page_map.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::repository {
namespace {

// A blob holds at most 2^16 - 1 pages.
constexpr std::uint32_t kMostSlots = 0x10000;

Error damaged(const char* why) { return Error(ErrorCode::kDamagedObject, why); }

std::uint64_t leaves_below(int level) {
  std::uint64_t leaves = 1;
  for (int i = 0; i < level; ++i) leaves *= kNodeFanout;
  return leaves;
}

void visit_below(const BlobId& id, int level, std::uint64_t first_leaf, std::uint64_t count,
                 const GetNode& get, const VisitLeaf& visit, const LostLeaves& lost) {
  if (level == 0) {
    visit(first_leaf, id);
    return;
  }
  const std::uint64_t below = leaves_below(level - 1);
  std::vector<BlobId> children;
  try {
    children = parse_node(get(id), (count + below - 1) / below);
  } catch (const Error& error) {
    const bool known =
        error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject;
    if (!lost || !known) throw;
    lost(first_leaf, count);
    return;
  }
  for (std::size_t i = 0; i < children.size(); ++i) {
    const std::uint64_t skipped = i * below;
    visit_below(children[i], level - 1, first_leaf + skipped, std::min(below, count - skipped), get,
                visit, lost);
  }
}

}  // namespace

std::uint64_t MapLeaf::pages() const {
  std::uint64_t sum = 0;
  for (const LeafRun& run : runs) sum += run.count;
  return sum;
}

void LeafBuilder::add(const BlobId& blob, std::uint32_t slot, std::uint32_t count) {
  pages_ += count;
  const auto known = std::ranges::find(leaf_.blobs, blob);
  const auto number = static_cast<std::uint32_t>(known - leaf_.blobs.begin());
  if (known == leaf_.blobs.end()) leaf_.blobs.push_back(blob);
  if (!leaf_.runs.empty()) {
    LeafRun& last = leaf_.runs.back();
    if (last.blob == number && last.slot + last.count == slot) {
      last.count += count;
      return;
    }
  }
  leaf_.runs.push_back({count, number, slot});
}

MapLeaf LeafBuilder::take() {
  pages_ = 0;
  return std::exchange(leaf_, {});
}

Bytes serialize(const MapLeaf& leaf) {
  ByteWriter out;
  out.varint(leaf.blobs.size());
  for (const BlobId& blob : leaf.blobs) out.raw(blob.view());
  for (const LeafRun& run : leaf.runs) {
    out.varint(run.count);
    out.varint(run.blob);
    out.varint(run.slot);
  }
  return out.take();
}

MapLeaf parse_leaf(ByteView bytes, std::uint64_t pages) {
  MapLeaf leaf;
  ByteReader in(bytes, "a leaf of a page map");
  const std::uint64_t blobs = in.varint();
  if (blobs > pages) throw damaged("a leaf of a page map names more blobs than pages");
  for (std::uint64_t i = 0; i < blobs; ++i) {
    leaf.blobs.push_back(BlobId::from_bytes(in.raw(BlobId::kSize)));
  }
  std::uint64_t covered = 0;
  while (!in.at_end()) {
    const std::uint64_t count = in.varint(), blob = in.varint(), slot = in.varint();
    if (count == 0 || count > pages - covered || blob >= blobs || slot + count > kMostSlots ||
        slot >= kMostSlots) {
      throw damaged("a run in a leaf of a page map makes no sense");
    }
    covered += count;
    leaf.runs.push_back({static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(blob),
                         static_cast<std::uint32_t>(slot)});
  }
  if (covered != pages) throw damaged("a leaf of a page map covers too few pages");
  return leaf;
}

Bytes serialize_node(const std::vector<BlobId>& children) {
  ByteWriter out;
  for (const BlobId& child : children) out.raw(child.view());
  return out.take();
}

std::vector<BlobId> parse_node(ByteView bytes, std::uint64_t children) {
  if (children > kNodeFanout || bytes.size() != children * BlobId::kSize) {
    throw damaged("a node of a page map has the wrong number of children");
  }
  std::vector<BlobId> ids;
  ByteReader in(bytes, "a node of a page map");
  while (!in.at_end()) ids.push_back(BlobId::from_bytes(in.raw(BlobId::kSize)));
  return ids;
}

std::uint64_t leaf_count(std::uint64_t page_count) {
  return (page_count + kLeafPages - 1) / kLeafPages;
}

std::uint64_t tree_count(std::uint64_t page_count, int level) {
  std::uint64_t count = leaf_count(page_count);
  for (int below = 0; below < level; ++below) count = (count + kNodeFanout - 1) / kNodeFanout;
  return count;
}

std::uint64_t leaf_pages(std::uint64_t page_count, std::uint64_t leaf) {
  return std::min(kLeafPages, page_count - leaf * kLeafPages);
}

int map_height(std::uint64_t page_count) {
  int height = 0;
  for (std::uint64_t nodes = leaf_count(page_count); nodes > 1; ++height) {
    nodes = (nodes + kNodeFanout - 1) / kNodeFanout;
  }
  return height;
}

void MapBuilder::add_leaf(const BlobId& leaf) { push(0, leaf); }

void MapBuilder::push(std::size_t level, const BlobId& id) {
  if (levels_.size() == level) levels_.emplace_back();
  levels_[level].push_back(id);
  if (levels_[level].size() < kNodeFanout) return;
  const std::vector<BlobId> children = std::exchange(levels_[level], {});
  push(level + 1, put_(serialize_node(children)));
}

BlobId MapBuilder::finish() {
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const bool top = level + 1 == levels_.size();
    if (top && levels_[level].size() == 1) return levels_[level].front();
    if (levels_[level].empty()) continue;
    const std::vector<BlobId> children = std::exchange(levels_[level], {});
    push(level + 1, put_(serialize_node(children)));
  }
  throw Error(ErrorCode::kInternal, "a page map has at least one leaf");
}

void visit_leaves(const BlobId& root, std::uint64_t page_count, const GetNode& get,
                  const VisitLeaf& visit, const LostLeaves& lost) {
  if (page_count == 0) throw damaged("a page map of no pages");
  visit_below(root, map_height(page_count), 0, leaf_count(page_count), get, visit, lost);
}

}  // namespace holdfast::repository
