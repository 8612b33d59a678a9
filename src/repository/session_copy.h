// Takes the databases of a sealed session into the repository: its blobs under the repository's own
// ids and keys, its maps with the pages of the base filled in.
#ifndef HOLDFAST_REPOSITORY_SESSION_COPY_H_
#define HOLDFAST_REPOSITORY_SESSION_COPY_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/progress.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/blob_transfer.h"
#include "repository/snapshot.h"
#include "repository/writer.h"

namespace holdfast::repository {

// Of one session. Everything that is read is decrypted, decoded and compared with its id under the
// machine's keys; then it gets its id under the repository's. A database stands when its checksum
// under the machine's keys comes out: of the pages that were sent, and of those of the base as the
// machine had them.
class SessionCopy {
 public:
  // `session` is what the machine wrote; `writer` is that of the repository `to`.
  SessionCopy(const Repository& session, const Repository& to, Writer& writer, unsigned threads,
              Progress& progress);

  // The database as it is in the repository; `base` is the state of it that `sealed` goes on from,
  // null if it does not. Throws kDamagedObject and kMissingObject for what cannot be had.
  DatabaseState copy(const DatabaseState& sealed, const DatabaseState* base);

  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  // A blob of pages that was sent.
  struct Pages {
    BlobId id;                              // in the repository
    std::vector<codec::PageDigest> sealed;  // under the machine's key
    std::vector<codec::PageDigest> own;     // under the repository's
  };
  struct Leaf {
    BlobId id;               // in the repository
    codec::PageDigest own;   // sum of its pages, as if the first were page 1
    codec::PageDigest sent;  // the same of those that were sent, under the machine's key
  };
  struct Part;  // a leaf being put together

  Leaf leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages, std::uint32_t page_size,
            const BlobId* base, std::uint64_t base_pages);
  void add_base(Part& part, const LeafRun& run) const;
  std::shared_ptr<const Pages> pages(BlobTransfer& hands, const BlobId& id,
                                     std::uint32_t page_size);
  std::shared_ptr<const Pages> find(const BlobId& id);
  void remember(const BlobId& id, std::shared_ptr<const Pages> pages);

  const Repository& session_;
  const Repository& to_;
  Writer& writer_;
  const unsigned threads_;
  Progress& progress_;
  const LoadedIndex session_index_;
  const BlobReader source_, target_;
  const codec::ChecksumKey sealed_key_, own_key_;

  std::mutex mutex_;
  // The blobs that were read last, newest first. Each belongs to leaves that lie together, so an
  // honest session has no use for one again that is not among them.
  std::list<std::pair<BlobId, std::shared_ptr<const Pages>>> recent_;
  std::unordered_map<BlobId, decltype(recent_)::iterator> recent_by_id_;
  std::uint64_t recent_pages_ = 0, blobs_read_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SESSION_COPY_H_
