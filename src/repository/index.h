// Where each blob is: the union of all index objects.
//
// An index object (`index/<id>`, a document) lists packs with their blobs, and blobs that were
// found damaged and are withdrawn. Two objects may list the same pack; once is enough.
#ifndef HOLDFAST_REPOSITORY_INDEX_H_
#define HOLDFAST_REPOSITORY_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/id.h"
#include "repository/blob.h"
#include "repository/index_memory.h"
#include "repository/index_part.h"
#include "repository/pack.h"
#include "repository/repository.h"

namespace holdfast::repository {

// As many blobs are in an index object at most (but a pack is never divided), so that reading one
// takes little memory.
inline constexpr std::size_t kMostIndexBlobs = 1u << 17;

// Writes what is added in as few objects as that allows.
class IndexOutput {
 public:
  explicit IndexOutput(const Repository& repository) : repository_(&repository) {}
  void add(PackDescription pack);
  void add(const WithdrawnBlob& blob) { content_.withdrawn.push_back(blob); }
  // How many objects that makes. What was added is durable from then on, not before.
  std::size_t finish();

 private:
  void put();
  const Repository* repository_;
  IndexContent content_;
  std::size_t blobs_ = 0, objects_ = 0;
};
void put_index(const Repository& repository, IndexContent content);

struct BlobLocation {
  BlobEntry entry;
  PackId pack;
  std::uint64_t offset = 0;  // of the box within the pack
};

// Not thread safe while it is changed; find() may then be called from several threads. Parts are
// shared with whoever else has read them, never copied.
class Index {
 public:
  // Without the packs that are `hidden`, by their numbers (none: an empty vector).
  void add(std::shared_ptr<const IndexPart> part, std::vector<bool> hidden = {});
  void add(PackDescription pack);  // as a part of its own
  void withdraw(const WithdrawnBlob& blob) { withdrawn_.insert(blob); }
  // Every place that holds the blob and may be used, best first; empty if there is none.
  std::vector<BlobLocation> find(const BlobId& id) const;
  bool contains(const BlobId& id) const;
  bool holds_all(const PackDescription& pack) const;  // of what that pack, lost, had
  bool has_pack(const PackId& id) const { return find_pack(id).has_value(); }
  std::optional<PackDescription> pack(const PackId& id) const;
  // Position of the blob's first digest among its pack's digests.
  std::size_t digest_position(const BlobLocation& location) const;

  // Made when they are looked at.
  auto packs() const {
    return packs_ | std::views::transform([this](const PackNumber& number) {
             return parts_[number.part].content->pack(number.pack);
           });
  }
  const std::set<WithdrawnBlob>& withdrawn() const { return withdrawn_; }
  std::uint64_t blob_count() const { return blob_count_; }

  // A number below numbers() that all places of the blob share, also those that are not to be used;
  // empty for a blob that no pack ever listed here holds. For sets of many blobs: see BlobSet.
  std::optional<std::uint64_t> number(const BlobId& id) const;
  std::uint64_t numbers() const { return parts_.empty() ? 0 : parts_.back().end; }
  BlobId id_of(std::uint64_t number) const;

 private:
  struct Part {
    std::shared_ptr<const IndexPart> content;
    std::vector<bool> hidden;  // empty: none
    std::uint64_t end = 0;     // of the numbers of its blobs
    std::uint64_t first() const { return end - content->blob_count(); }
    bool hides(std::uint32_t pack) const { return !hidden.empty() && hidden[pack]; }
  };
  struct PackNumber {
    std::uint32_t part = 0, pack = 0;
  };
  std::optional<PackNumber> find_pack(const PackId& id) const;
  template <typename Stop>
  void visit(const BlobId& id, const Stop& stop) const;

  std::vector<Part> parts_;
  std::vector<PackNumber> packs_;
  std::set<WithdrawnBlob> withdrawn_;
  std::uint64_t blob_count_ = 0;
};

struct IndexObject {
  std::string name;
  std::shared_ptr<const IndexPart> content;
  bool whole = true;  // every pack that it lists is there, and not in IndexLoading::except
  // So large that it is not to be merged with others.
  bool full() const { return content->blob_count() >= kMostIndexBlobs / 2; }
};

struct LoadedIndex {
  Index index;
  std::vector<IndexObject> objects;     // that it was made from
  std::vector<std::string> unreadable;  // damaged index objects
  // Listed, but missing or of another size in the store; left out of `index`.
  std::vector<PackDescription> lost_packs;
  std::uint64_t left_out = 0;  // packs that are in IndexLoading::except
  // Packs that no index lists: of interrupted backups, of ones under way, or of index objects that
  // were lost. They are in `index` all the same.
  std::vector<PackDescription> unindexed;
  std::vector<std::string>
      unreadable_packs;  // that no index lists and whose directory cannot be read
};

struct IndexLoading {
  std::unordered_set<PackId> except = {};  // packs to leave out (condemned ones)
  // What the store cannot read is left out as if it were damaged; else it is thrown: whoever
  // changes something must not go on.
  bool despite_io_errors = false;
  bool anew = false;  // nothing that this process remembers is used
};

// What all index objects say that were there at one moment.
LoadedIndex load_index(const Repository& repository, const IndexLoading& loading = {});

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_INDEX_H_
