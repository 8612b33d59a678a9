#ifndef HOLDFAST_REPOSITORY_BLOB_READER_H_
#define HOLDFAST_REPOSITORY_BLOB_READER_H_

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/error.h"
#include "codec/page_digest.h"
#include "repository/blob.h"
#include "repository/index.h"
#include "repository/page_map.h"
#include "repository/repository.h"
#include "repository/tree_windows.h"

namespace holdfast::repository {

// Numbers of blobs, in groups.
class BlobGroups {
 public:
  void add(std::uint32_t number) { order_.push_back(number); }
  void end_group() { ends_.push_back(order_.size()); }
  std::size_t size() const { return ends_.size(); }
  std::span<const std::uint32_t> operator[](std::size_t group) const {
    const std::size_t first = group == 0 ? 0 : ends_[group - 1];
    return std::span(order_).subspan(first, ends_[group] - first);
  }

 private:
  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> ends_;
};

// Reads blobs by id, trying each place that holds one. Where the packs of all of them are gone, a
// prune may have moved the blob meanwhile: the repository's index is loaded once more. Thread safe;
// a decoder belongs to one thread.
class BlobReader {
 public:
  BlobReader(const Repository& repository, const Index& index)
      : repository_(&repository), index_(&index) {}

  // The plaintext, in memory of `buffer`. Throws kMissingObject when no pack holds the blob,
  // kDamagedObject when every place that should is damaged. Content of kPages blobs is not compared
  // with its id here: callers digest the pages anyway.
  MutableByteView read(const BlobId& id, BlobDecoder& decoder, Bytes& buffer) const;
  // Leaves and nodes, compared with their ids.
  Bytes read_tree(const BlobId& id, BlobKind kind, BlobDecoder& decoder) const;
  GetNode node_getter(BlobDecoder& decoder) const;
  // The leaves of a map, in order.
  std::vector<BlobId> leaves(const BlobId& root, std::uint64_t page_count) const;
  // Many of them, in any order: what lies together in a pack is read at once, at most 4 MiB. Each
  // is either visited or lost.
  using VisitTree = std::function<void(std::size_t i, ByteView content)>;
  using LostTree = std::function<void(std::size_t i, const Error& error)>;
  void read_trees(std::span<const BlobId> ids, BlobKind kind, BlobDecoder& decoder,
                  const VisitTree& visit, const LostTree& lost) const;

  // The same for what may be of any kind: the plaintext of each as read() answers it, in memory of
  // `buffer`. One request brings all that lie close together, the others are read by themselves.
  using VisitBlob = std::function<void(std::size_t i, MutableByteView plain)>;
  void read_group(std::span<const BlobId> ids, BlobDecoder& decoder, Bytes& buffer,
                  const VisitBlob& visit) const;
  // How to divide many blobs for that: each alone where requests cost little.
  BlobGroups groups_of(std::span<const BlobId> ids) const;

  // The digests of a kPages blob, from its pack's own list. The lists of a few packs are kept.
  std::vector<codec::PageDigest> digests(const BlobId& id) const;

  const Index& index() const { return *index_; }
  const Repository& repository() const { return *repository_; }

 private:
  bool costly() const;
  MutableByteView read_from(const Index& index, const BlobId& id, BlobDecoder& decoder,
                            Bytes& buffer) const;
  std::vector<codec::PageDigest> digests_from(const Index& index, const BlobId& id) const;
  std::shared_ptr<const LoadedIndex> newer_index() const;

  struct PackDigests {
    PackId pack;
    std::shared_ptr<const std::vector<codec::PageDigest>> digests;
  };
  std::shared_ptr<const std::vector<codec::PageDigest>> pack_digests(const Index& index,
                                                                     const PackId& pack) const;
  // Where one of several blobs is.
  struct Place {
    std::size_t i = 0;
    BlobLocation location;
    std::uint64_t end() const { return location.offset + location.entry.stored_size; }
  };
  std::vector<Place> places_of(std::span<const BlobId> ids) const;
  // How many of the first of `places`, which are sorted, are read at once.
  static std::size_t reach_of(std::span<const Place> places, std::uint64_t most_at_once);
  Bytes read_boxes(std::span<const Place> places) const;
  void visit_together(std::span<const Place> places, BlobDecoder& decoder, Bytes& buffer,
                      std::vector<bool>& visited, const VisitBlob& visit) const;

  const Repository* repository_;
  const Index* index_;
  mutable std::mutex mutex_;
  mutable std::list<PackDigests> recent_;  // newest first
  mutable std::shared_ptr<const LoadedIndex> newer_;
  mutable TreeWindows windows_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_BLOB_READER_H_
