// Blobs: the pieces of content, compressed, encrypted and written once.
#ifndef HOLDFAST_REPOSITORY_BLOB_H_
#define HOLDFAST_REPOSITORY_BLOB_H_

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/id.h"
#include "codec/compression.h"
#include "codec/page_digest.h"
#include "repository/master_keys.h"

namespace holdfast::repository {

enum class BlobKind : std::uint8_t {
  kPages = 1,    // pages of a database, one after the other
  kMapLeaf = 2,  // see page_map.h
  kMapNode = 3,
};

// What directories and indexes say of a blob, 28 bytes when written.
struct BlobEntry {
  static constexpr std::size_t kWrittenSize = 28;

  BlobId id;
  BlobKind kind = BlobKind::kPages;
  codec::Compression compression = codec::Compression::kNone;
  std::uint16_t pages = 0;        // kPages: how many; else 0
  std::uint32_t raw_size = 0;     // of the plaintext
  std::uint32_t stored_size = 0;  // of the box in its pack

  bool operator==(const BlobEntry&) const = default;
};

void write_entry(ByteWriter& out, const BlobEntry& entry);
// Throws kDamagedObject for kinds, compressions and sizes that no writer produces.
BlobEntry read_entry(ByteReader& in);

// Pages are bound to their id by their digests, anything else by its bytes.
BlobId pages_id(const MasterKeys& keys, std::uint32_t page_size,
                std::span<const codec::PageDigest> digests);
BlobId content_id(const MasterKeys& keys, BlobKind kind, ByteView content);

struct EncodedBlob {
  BlobEntry entry;
  ByteView box;
};

// Compresses, encrypts, decodes again and compares: throws kWriteNotProved unless the box gives
// back `plain`.
class BlobEncoder {
 public:
  BlobEncoder(const MasterKeys& keys, int compression_level);
  // The result is valid until the next call.
  EncodedBlob encode(const BlobId& id, BlobKind kind, std::uint16_t pages, ByteView plain);
  const MasterKeys& keys() const { return *keys_; }

 private:
  const MasterKeys* keys_;
  codec::Compressor compressor_;
  codec::Decompressor decompressor_;
  Buffer box_, opened_, decoded_;
};

class BlobDecoder {
 public:
  explicit BlobDecoder(const MasterKeys& keys) : keys_(&keys) {}
  // Fills `out` (entry.raw_size bytes). Throws kDamagedObject. Whether the content belongs to its
  // id is for the caller to check: see content_id and pages_id.
  void decode(const BlobEntry& entry, ByteView box, MutableByteView out);

 private:
  const MasterKeys* keys_;
  codec::Decompressor decompressor_;
  Buffer opened_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_BLOB_H_
