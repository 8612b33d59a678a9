// Where each blob is: the union of all index objects, in memory.
//
// An index object (`index/<id>`, a document) lists packs with their blobs, and blobs that were
// found damaged and are withdrawn. Two objects may list the same pack; once is enough.
#ifndef HOLDFAST_REPOSITORY_INDEX_H_
#define HOLDFAST_REPOSITORY_INDEX_H_

#include <cstdint>
#include <functional>
#include <map>
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
#include "repository/pack.h"
#include "repository/repository.h"

namespace holdfast::repository {

struct WithdrawnBlob {
  PackId pack;
  BlobId blob;
  auto operator<=>(const WithdrawnBlob&) const = default;
};

// In place of a blob: not the blobs but the pack's own parts are damaged (header, digests,
// directory, footer). A prune writes its blobs into a new pack.
inline constexpr BlobId kPackItself{};

struct IndexContent {
  std::vector<PackDescription> packs;
  std::vector<WithdrawnBlob> withdrawn;
};
Bytes serialize(const IndexContent& content);
IndexContent parse_index(ByteView bytes);  // throws kDamagedObject

// Writes a new index object and returns its name.
std::string put_index(const Repository& repository, const IndexContent& content);

struct BlobLocation {
  BlobEntry entry;
  PackId pack;
  std::uint64_t offset = 0;  // of the box within the pack
};

// Not thread safe while it is changed; find() may then be called from several threads. Descriptions
// are shared with whoever has read them, never copied.
class Index {
 public:
  void add(std::shared_ptr<const PackDescription> pack);
  void add(PackDescription pack);
  void withdraw(const WithdrawnBlob& blob);
  // Every place that holds the blob and may be used, best first; empty if there is none.
  std::vector<BlobLocation> find(const BlobId& id) const;
  bool contains(const BlobId& id) const;
  bool holds_all(const PackDescription& pack) const;  // of what that pack, lost, had
  const PackDescription* pack(const PackId& id) const;
  // Position of the blob's first digest among its pack's digests.
  std::size_t digest_position(const BlobLocation& location) const;

  auto packs() const {
    return packs_ |
           std::views::transform([](const auto& pack) -> const PackDescription& { return *pack; });
  }
  const std::set<WithdrawnBlob>& withdrawn() const { return withdrawn_; }
  std::uint64_t blob_count() const { return used_; }

 private:
  struct Place {  // pack_ == kNone: an empty slot
    std::uint32_t pack = kNone, entry = 0;
  };
  static constexpr std::uint32_t kNone = 0xffffffff;
  void insert(std::uint32_t pack, std::uint32_t entry);
  void grow();
  const BlobEntry& entry(const Place& place) const {
    return packs_[place.pack]->entries[place.entry];
  }
  bool usable(const Place& place) const;
  void visit(const BlobId& id, const std::function<bool(const Place&)>& stop) const;

  std::vector<std::shared_ptr<const PackDescription>> packs_;
  std::vector<std::vector<std::uint32_t>> offsets_;  // of each entry within its pack
  std::map<PackId, std::uint32_t> by_id_;
  std::set<WithdrawnBlob> withdrawn_;
  std::vector<Place> table_;  // open addressing, a power of two
  std::size_t used_ = 0;
};

struct IndexObject {
  std::string name;
  IndexPart content;
  bool whole = true;  // every pack that it lists is there, and not in IndexLoading::except
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
