// Pages of one state of the history, read from the repository as they are needed.
#ifndef HOLDFAST_ENGINE_DIFF_HISTORY_PAGES_H_
#define HOLDFAST_ENGINE_DIFF_HISTORY_PAGES_H_

#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "codec/page_digest.h"
#include "engine/restore/page_writer.h"
#include "repository/blob_reader.h"
#include "repository/page_map.h"
#include "repository/snapshot.h"
#include "sqlite/page_reader.h"

namespace holdfast::engine {

// Thread safe. Keeps some 32 MB of what it has read. Every page is proved to be what its blob's id
// says.
class HistoryPages final : public sqlite::PageReader {
 public:
  // `state` as it came to be from `base`: pages in `newer` are taken from there, the others from
  // base's map. All of it must outlive this. Throws kMissingObject, kDamagedObject.
  HistoryPages(const repository::BlobReader& reader, const repository::DatabaseState& base,
               const repository::DatabaseState& state, const NewerPages& newer);

  sqlite::Geometry geometry() const override;
  void read(sqlite::PageNumber first, MutableByteView out) override;
  // Of pages first, first + 1, … Read beside the pages, which are not fetched.
  void digests(sqlite::PageNumber first, std::span<codec::PageDigest> out);
  // What a read on behalf of SQLite failed with, which SQLite does not tell.
  void rethrow_failure() const;

 private:
  struct Leaf {
    std::uint64_t number = 0;
    std::shared_ptr<const repository::MapLeaf> leaf;
  };
  struct Blob {
    BlobId id;
    std::shared_ptr<const Bytes> pages;
  };

  [[noreturn]] void refuse(std::uint64_t page) const;
  std::shared_ptr<const repository::MapLeaf> leaf(std::uint64_t number);
  std::shared_ptr<const Bytes> blob(const BlobId& id);
  Bytes fetch(const BlobId& id);
  // Calls visit(page, count, blob, slot) for each run, and newer(page, content).
  template <typename Visit, typename Newer>
  void visit_pages(sqlite::PageNumber first, std::uint64_t count, const Visit& visit,
                   const Newer& newer);

  const repository::BlobReader& reader_;
  const repository::DatabaseState& base_;
  const repository::DatabaseState& state_;
  const NewerPages& newer_;
  codec::PageHasher hasher_;
  std::vector<BlobId> leaf_ids_;
  mutable std::mutex mutex_;  // guards what follows
  std::list<Leaf> leaves_;    // newest first
  std::list<Blob> blobs_;
  std::size_t blob_bytes_ = 0;
  std::vector<std::unique_ptr<repository::BlobDecoder>> decoders_;  // that nobody uses
  std::exception_ptr failure_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_DIFF_HISTORY_PAGES_H_
