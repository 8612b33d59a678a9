// One backup's way into the repository: intent → packs → index → snapshot → is the intent still
// there? → done.
#ifndef HOLDFAST_REPOSITORY_WRITER_H_
#define HOLDFAST_REPOSITORY_WRITER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "repository/blob.h"
#include "repository/index.h"
#include "repository/intent.h"
#include "repository/pack.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

// add_pages() and add_tree() may be called from several threads, each with its own encoder; the
// rest from one. A pack is closed when it is large enough and stored by a thread of its own, so
// that encoding goes on meanwhile; a failure there is thrown by the next call. Destroying a Writer
// that did not commit leaves garbage for the next prune, nothing else.
class Writer {
 public:
  explicit Writer(const Repository& repository);
  ~Writer();

  // The index as it was when this writer began, without lost and condemned packs. What is in it can
  // be relied on until commit() has returned.
  const Index& index() const { return loaded_.index; }
  const LoadedIndex& loaded() const { return loaded_; }

  // Stores the blob unless the repository or this writer has it. The number of bytes added (0: it
  // was there).
  std::uint64_t add_pages(BlobEncoder& encoder, const BlobId& id, ByteView pages,
                          std::span<const codec::PageDigest> digests);
  std::uint64_t add_tree(BlobEncoder& encoder, const BlobId& id, BlobKind kind, ByteView content);

  // What the repository holds under this id was found damaged: it is stored again if it is added.
  // To be called before anything is added.
  void distrust(const BlobId& id) { distrusted_.insert(id); }

  // Closes the open packs, which are stored while the caller goes on: nothing much will be added.
  void close_packs();
  // close_packs(), then the index object. Everything added is durable when it returns.
  void flush();
  // flush(), then the snapshot, then the proof that no prune took us for dead: only after this may
  // anybody be told that the snapshot exists. Throws kIntentLost after having withdrawn it.
  void commit(Snapshot snapshot);

  // Of the packs that this writer sent.
  std::uint64_t bytes_stored() const { return bytes_stored_; }
  Intent& intent() { return intent_; }

 private:
  std::uint64_t add(BlobEncoder& encoder, const BlobId& id, BlobKind kind, ByteView content,
                    std::span<const codec::PageDigest> digests);
  void close_pack(std::unique_lock<std::mutex>& lock, PackBuilder& pack);
  void store_packs(std::stop_token stop);
  void put_entries(IndexContent content);
  void rethrow_failure() const;  // with mutex_ held
  void withdraw(const Snapshot& snapshot) const;

  const Repository* repository_;
  Intent intent_;
  LoadedIndex loaded_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::unordered_set<BlobId> added_, distrusted_;
  // Pages and maps go to packs of their own, so that maps can be read without their neighbours;
  // what is left at the end shares one pack if it is small.
  PackBuilder pages_, trees_;
  std::deque<PackBuilder::Finished> waiting_;
  bool storing_ = false;
  Bytes spare_;  // memory of the pack that was stored last
  std::exception_ptr failure_;
  std::vector<PackDescription> stored_;
  std::vector<WithdrawnBlob> withdrawn_;  // places of what was distrusted and is stored again
  std::uint64_t bytes_stored_ = 0;
  std::jthread uploader_;
};

// Throws kMissingObject unless every blob that the snapshot needs is in a pack that is
// really in the store. Reads index objects and maps anew.
void prove_reachable(const Repository& repository, const Snapshot& snapshot);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_WRITER_H_
