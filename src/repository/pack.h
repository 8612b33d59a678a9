// Packs: objects of many blobs that describe themselves, so that a lost index can be made again.
//
//   header (8) · boxes of the blobs · box of the digests · box of the directory · footer (12)
#ifndef HOLDFAST_REPOSITORY_PACK_H_
#define HOLDFAST_REPOSITORY_PACK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "codec/page_digest.h"
#include "repository/blob.h"
#include "repository/master_keys.h"
#include "storage/store.h"

namespace holdfast::repository {

inline constexpr std::size_t kPackHeaderSize = 8;
inline constexpr std::size_t kPackFooterSize = 12;
inline constexpr std::size_t kPackTarget = 16u << 20;  // a pack is closed once it is this large

std::string pack_name(const PackId& id);               // "packs/<32 hexadecimal digits>"
std::optional<PackId> pack_of(std::string_view name);  // empty for any other name

// A pack as an index describes it. Offsets follow from the order of the entries.
struct PackDescription {
  PackId id;
  std::uint32_t digests_size = 0;    // of the box of digests; 0 without kPages blobs
  std::uint32_t directory_size = 0;  // of the box of the directory
  std::vector<BlobEntry> entries;

  std::uint64_t blobs_size() const;
  std::uint64_t size() const;  // of the whole object
  std::uint64_t digests_offset() const { return kPackHeaderSize + blobs_size(); }
};

// Whether all its blobs begin below 4 GiB, as those of every pack do.
bool is_possible(const PackDescription& pack);

PackId random_pack_id();

class PackBuilder {
 public:
  // `memory` is used for the content: that of a pack that was stored, so that it need not be found
  // anew.
  explicit PackBuilder(PackId id, Bytes memory = {});
  // `digests` are those of a kPages blob's pages, else empty.
  void add(const EncodedBlob& blob, std::span<const codec::PageDigest> digests);
  // Appends everything to `other` and is empty afterwards. Boxes do not depend on their pack.
  void move_into(PackBuilder& other);
  std::size_t size() const { return content_.size(); }
  bool empty() const { return description_.entries.empty(); }
  const PackId& id() const { return description_.id; }

  struct Finished {
    PackDescription description;
    Bytes content;
  };
  Finished finish(const MasterKeys& keys) &&;

 private:
  PackDescription description_;
  Bytes content_;
  std::vector<codec::PageDigest> digests_;
};

// Reads and authenticates the directory of a pack of `size` bytes. Throws kDamagedObject,
// kNotFound.
PackDescription read_directory(storage::Store& store, const MasterKeys& keys, const PackId& id,
                               std::uint64_t size);
// Everything of the pack but its blobs and digests: header, directory and footer, compared with
// what an index says. Throws kDamagedObject.
void check_pack_frame(storage::Store& store, const MasterKeys& keys, const PackDescription& pack);
// The digests of all kPages blobs of the pack, in the order of its entries.
std::vector<codec::PageDigest> read_digests(storage::Store& store, const MasterKeys& keys,
                                            const PackDescription& pack);
std::vector<codec::PageDigest> open_digests(const MasterKeys& keys, const PackDescription& pack,
                                            ByteView box);
// Of a directory in memory, as in read_directory.
PackDescription parse_directory(const MasterKeys& keys, const PackId& id,
                                std::uint32_t digests_size, ByteView box);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PACK_H_
