// What is known of a database's newest state: the digest of every page, the checksum of the whole,
// and the content of what changed since its last snapshot.
#ifndef HOLDFAST_ENGINE_REPLICATE_KNOWN_STATE_H_
#define HOLDFAST_ENGINE_REPLICATE_KNOWN_STATE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/backup/digest_table.h"
#include "engine/replicate/page_overlay.h"
#include "engine/replicate/running_checksum.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "sqlite/page_source.h"

namespace holdfast::engine {

// By one thread at a time; read_digests() from several while nothing is changed.
class KnownState {
 public:
  KnownState(const repository::Repository& repository, env::FileSystem& files);

  // The state of a snapshot whose digest table is at `table`. False, and nothing is known, unless
  // the table is that snapshot's and adds up to its checksum.
  bool begin(const env::Path& table, const SnapshotId& snapshot, const std::string& checksum);
  void forget();
  bool valid() const { return checksum_.has_value(); }

  // The pages that turned the known state into the one at `number`. False, and nothing is known any
  // more, where pages are missing between the old end and the new, or a digest cannot be read.
  bool apply(std::uint64_t number, const sqlite::Geometry& geometry,
             std::span<const std::uint32_t> pages, ByteView content);
  // The state at `number` was closed into a snapshot. As begin() otherwise.
  bool close(const SnapshotId& snapshot, std::uint64_t number);
  // Gives up the content of the pages; their digests stay. The state cannot be closed any more.
  void forget_content();
  bool has_content() const { return bare_.empty(); }

  const PageOverlay& overlay() const { return overlay_; }
  const sqlite::Geometry& geometry() const { return geometry_; }
  std::string checksum() const { return checksum_->finish(); }
  // Whether the digests can be read: opens what rest() has closed.
  bool open_table();
  // Fills `out` for pages first, first + 1, …; zero for those beyond the end. The table must be
  // open. Throws as DigestTable.
  void read_digests(std::uint64_t first, std::span<codec::PageDigest> out) const;

  // Gives back the descriptor and the chunks in memory until they are needed again.
  void rest();
  const codec::PageHasher& hasher() const { return hasher_; }

 private:
  struct Chunk {
    std::uint64_t number = 0;
    std::vector<codec::PageDigest> digests;
  };
  codec::PageDigest digest_of(std::uint64_t page);
  const Chunk& chunk(std::uint64_t number);

  const repository::Repository& repository_;
  env::FileSystem& files_;
  codec::PageHasher hasher_;
  codec::ChecksumKey key_;
  env::Path path_;
  SnapshotId snapshot_;
  std::optional<DigestTable> table_;
  std::uint64_t table_pages_ = 0;
  std::deque<Chunk> chunks_;  // used last first
  sqlite::Geometry geometry_;
  std::optional<RunningChecksum> checksum_;
  PageOverlay overlay_;
  std::map<std::uint32_t, codec::PageDigest> bare_;  // changed, without content
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_KNOWN_STATE_H_
