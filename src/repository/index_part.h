// What one index object says: packs with their blobs, and blobs that are withdrawn.
#ifndef HOLDFAST_REPOSITORY_INDEX_PART_H_
#define HOLDFAST_REPOSITORY_INDEX_PART_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/id.h"
#include "repository/blob.h"
#include "repository/entry_pages.h"
#include "repository/id_table.h"
#include "repository/pack.h"

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

// The same, made to be searched and to need little memory: about six bytes a blob and forty a pack
// where there are many. Never changes; thread safe. Packs and blobs have numbers, from 0 on.
class IndexPart {
 public:
  // A pack that is listed twice counts once. Throws kInternal for a pack larger than one can be.
  explicit IndexPart(const IndexContent& content);

  std::uint32_t pack_count() const { return static_cast<std::uint32_t>(packs_.size()); }
  const PackId& pack_id(std::uint32_t pack) const { return packs_[pack].id; }
  std::uint64_t pack_size(std::uint32_t pack) const;  // of the whole object
  std::uint32_t pack_blobs(std::uint32_t pack) const { return end_of(pack) - packs_[pack].first; }
  PackDescription pack(std::uint32_t pack) const;
  std::optional<std::uint32_t> find_pack(const PackId& id) const;

  std::uint32_t blob_count() const { return static_cast<std::uint32_t>(entries_.size()); }
  PlacedEntry entry(std::uint32_t blob) const { return entries_.at(blob); }
  std::uint32_t pack_of(std::uint32_t blob) const;
  // Calls `stop(number, entry)` for each place of the blob until it answers true.
  template <typename Stop>
  void visit(const BlobId& id, const Stop& stop) const {
    blobs_by_id_.visit(id, [&](std::uint32_t number) {
      const PlacedEntry entry = entries_.at(number);
      return entry.blob.id == id && stop(number, entry);
    });
  }
  // Position of a blob's first digest among those of its pack; `offset` is that of the blob.
  std::size_t digest_position(std::uint32_t pack, std::uint64_t offset) const;

  const std::vector<WithdrawnBlob>& withdrawn() const { return withdrawn_; }
  IndexContent content() const;
  std::size_t bytes() const;  // of memory, at most

 private:
  struct Pack {
    PackId id;
    std::uint32_t digests_size = 0, directory_size = 0;
    std::uint32_t first = 0;  // blob
    std::uint32_t blobs_size = 0;
  };
  std::uint32_t end_of(std::uint32_t pack) const {
    return pack + 1 < packs_.size() ? packs_[pack + 1].first : blob_count();
  }

  std::vector<Pack> packs_;
  EntryPages entries_;
  IdTable packs_by_id_, blobs_by_id_;
  std::vector<WithdrawnBlob> withdrawn_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_INDEX_PART_H_
