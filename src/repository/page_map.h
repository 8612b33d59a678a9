// Page maps: for each page of a database, the blob and the slot in it that hold its content.
//
// A map is a tree of blobs. A leaf covers 4096 pages as runs of pages that lie one after the other
// in one blob; a node lists 256 children. Leaves whose pages did not change are shared between
// snapshots by their ids.
#ifndef HOLDFAST_REPOSITORY_PAGE_MAP_H_
#define HOLDFAST_REPOSITORY_PAGE_MAP_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"

namespace holdfast::repository {

inline constexpr std::uint64_t kLeafPages = 4096;
inline constexpr std::uint64_t kNodeFanout = 256;

// `count` pages, the first of them in slot `slot` of blob number `blob` of its leaf.
struct LeafRun {
  std::uint32_t count = 0;
  std::uint32_t blob = 0;
  std::uint32_t slot = 0;
  bool operator==(const LeafRun&) const = default;
};

struct MapLeaf {
  std::vector<BlobId> blobs;  // each once, in order of first use
  std::vector<LeafRun> runs;  // in order of pages
  std::uint64_t pages() const;
  bool operator==(const MapLeaf&) const = default;
};

// Appends pages to a leaf, joining runs and numbering blobs.
class LeafBuilder {
 public:
  void add(const BlobId& blob, std::uint32_t slot, std::uint32_t count);
  std::uint64_t pages() const { return pages_; }
  MapLeaf take();

 private:
  MapLeaf leaf_;
  std::uint64_t pages_ = 0;
};

Bytes serialize(const MapLeaf& leaf);
// Throws kDamagedObject unless the leaf covers exactly `pages` pages.
MapLeaf parse_leaf(ByteView bytes, std::uint64_t pages);
Bytes serialize_node(const std::vector<BlobId>& children);
std::vector<BlobId> parse_node(ByteView bytes, std::uint64_t children);

// Shape of the map of a database: everything follows from its number of pages (at least 1).
int map_height(std::uint64_t page_count);  // 0: the root is a leaf
std::uint64_t leaf_count(std::uint64_t page_count);
std::uint64_t tree_count(std::uint64_t page_count, int level);           // leaves are level 0
std::uint64_t leaf_pages(std::uint64_t page_count, std::uint64_t leaf);  // 4096 but for the last

// Collects leaf ids in order and makes the nodes above them. `put` stores a node and returns its
// id.
class MapBuilder {
 public:
  using PutNode = std::function<BlobId(ByteView)>;
  explicit MapBuilder(PutNode put) : put_(std::move(put)) {}
  void add_leaf(const BlobId& leaf);
  BlobId finish();

 private:
  void push(std::size_t level, const BlobId& id);
  PutNode put_;
  std::vector<std::vector<BlobId>> levels_;  // children that wait for their node, by level
};

// Visits the leaf ids of a map in order. `get` answers the plaintext of a node; `visit` gets the
// number of the leaf. A node that `get` throws for is not entered: `lost` is told the range of
// leaves, or the error goes on without it.
using GetNode = std::function<Bytes(const BlobId&)>;
using VisitLeaf = std::function<void(std::uint64_t leaf, const BlobId& id)>;
using LostLeaves = std::function<void(std::uint64_t first_leaf, std::uint64_t count)>;
void visit_leaves(const BlobId& root, std::uint64_t page_count, const GetNode& get,
                  const VisitLeaf& visit, const LostLeaves& lost = {});

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PAGE_MAP_H_
