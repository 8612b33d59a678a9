// The digests of a database's pages as of one snapshot: a local file that tells which pages changed
// since.
//
// It is only ever a shortcut. It is encrypted, written anew beside the old one and renamed, and
// whatever is wrong with it makes open() answer nothing: then the repository's own digests are read
// instead.
//
//   "HFDT" · version (u8) · zero (3) · box of the header · boxes of 1024 digests each, the last one
//   filled up with zeros
#ifndef HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_
#define HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/id.h"
#include "codec/page_digest.h"
#include "codec/secret_key.h"
#include "env/file_system.h"

namespace holdfast::engine {

inline constexpr std::uint64_t kChunkPages = 1024;

// Chunks may be read and written by several threads at once, each chunk by one.
class DigestTable {
 public:
  struct Header {
    std::string series;  // of the snapshot: see repository::series_of
    SnapshotId snapshot;
    std::uint32_t page_size = 0;
    std::uint64_t page_count = 0;
  };

  static std::optional<DigestTable> open(env::FileSystem& files, const env::Path& path,
                                         const codec::SecretKey& key);
  // A new table in a file of its own beside `path`, removed again unless it is published.
  static DigestTable create(env::FileSystem& files, const env::Path& path,
                            const codec::SecretKey& key, std::uint32_t page_size);
  DigestTable(DigestTable&& other) noexcept;
  DigestTable& operator=(DigestTable&& other) noexcept;
  ~DigestTable();

  const Header& header() const { return header_; }
  // `out` has kChunkPages elements. Throws kDamagedObject.
  void read_chunk(std::uint64_t chunk, std::span<codec::PageDigest> out) const;
  void write_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> digests);
  // Takes over a whole chunk of another table of the same page size, unseen.
  void copy_chunk(const DigestTable& from, std::uint64_t chunk);

  // Whether the file could not be read or written, which is the cache's fault, not the backup's.
  bool failed() const { return failed_; }

  // Makes this the table at `path` of create().
  void publish(const Header& header);

 private:
  DigestTable(env::FileSystem& files, env::Path path, const codec::SecretKey& key);
  Bytes associated_data(std::uint64_t chunk) const;
  template <typename Access>
  void access(const Access& file_access) const;

  env::FileSystem* files_;
  env::Path path_, temporary_;  // temporary_ is empty for a table that was opened or published
  codec::SecretKey key_;
  std::unique_ptr<env::File> file_;
  Header header_;
  mutable std::atomic<bool> failed_ = false;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_
