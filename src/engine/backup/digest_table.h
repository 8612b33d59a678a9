// The digests of a database's pages as of one snapshot: local files that tell which pages changed
// since.
//
// It is only ever a shortcut. It is encrypted, written beside the old one and renamed, and whatever
// is wrong with it makes open() answer nothing, or an older table: then the repository's own
// digests are read instead. A table that differs little from the one before is only a list of its
// *changes*, so that a backup after a few changed rows writes some kilobytes, whatever the size of
// the database.
//
//   PATH          "HFDT" · version (u8) · zero (3) · box of the header · boxes of 1024 digests
//   each,
//                 the last one filled up with zeros
//   PATH.changes  "HFDC" · version (u8) · zero (3) · box of: id of the table they belong to,
//   header,
//                 then page (u32) · digest (16) of each page that differs, in order
#ifndef HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_
#define HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>

#include "base/id.h"
#include "codec/page_digest.h"
#include "codec/secret_key.h"
#include "env/file_system.h"
#include "repository/repository.h"

namespace holdfast::engine {

inline constexpr std::uint64_t kChunkPages = 1024;

// Chunks may be read and written by several threads at once, each chunk by one. After a move, only
// the new object may be used.
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
  // A new table that begins with the content of `base`, a published one at the same path. Beyond
  // base's chunks it begins with zeros.
  static DigestTable succeed(const DigestTable& base);
  DigestTable(DigestTable&&) noexcept = default;
  DigestTable& operator=(DigestTable&&) noexcept = default;
  ~DigestTable();

  const Header& header() const { return header_; }
  // Whether it can be succeeded: false for one that was created and not published.
  bool published() const { return temporary_.empty(); }
  // `out` has kChunkPages elements. Throws kDamagedObject.
  void read_chunk(std::uint64_t chunk, std::span<codec::PageDigest> out) const;
  void write_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> digests);
  // The same for a chunk that holds `before`, so that only what differs needs to be noted.
  void change_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> before,
                    std::span<const codec::PageDigest> digests);

  // Whether a file could not be read or written, which is the cache's fault, not the backup's.
  bool failed() const { return state_->failed; }

  // Makes this the table at its path.
  void publish(const Header& header);

 private:
  using Id = std::array<std::byte, 16>;
  using Changes = std::map<std::uint32_t, codec::PageDigest>;  // by page
  struct State {
    std::shared_mutex mutex;  // guards `changes` and the step from false to true of `whole`
    Changes changes;
    std::atomic<bool> whole = false;  // this table has a file of its own with everything in it
    std::atomic<bool> failed = false;
  };

  DigestTable(env::FileSystem& files, env::Path path, const codec::SecretKey& key);
  env::Path changes_path() const;
  Bytes associated_data(std::uint64_t chunk) const;
  bool read_file_header();
  void read_changes();
  void create_file();
  void become_whole();
  void read_box(env::File& file, std::uint64_t chunk, std::span<codec::PageDigest> out) const;
  void write_box(env::File& file, std::uint64_t chunk,
                 std::span<const codec::PageDigest> digests) const;
  void publish_file(const Header& header);
  void publish_changes(const Header& header) const;
  template <typename Access>
  void access(const Access& file_access) const;
  template <typename Visit>
  void visit_changes(std::uint64_t chunk, const Visit& visit) const;

  env::FileSystem* files_;
  env::Path path_, temporary_;  // temporary_ is that of a file which is not published
  codec::SecretKey key_;
  std::shared_ptr<env::File> file_;  // until it is whole: that of the base
  Id id_{};                          // of the table in file_
  std::uint64_t file_chunks_ = 0;    // of a published file
  Header header_;
  std::unique_ptr<State> state_;
};

// Where the table of the database `name` at `database` is kept below the cache folder `cache`.
env::Path digest_table_path(const repository::Repository& repository, const env::Path& cache,
                            std::string_view name, const env::Path& database);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_DIGEST_TABLE_H_
