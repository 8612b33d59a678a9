// Reads packs from end to end and holds each part against the others.
#ifndef HOLDFAST_REPOSITORY_PACK_READING_H_
#define HOLDFAST_REPOSITORY_PACK_READING_H_

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/progress.h"
#include "codec/page_digest.h"
#include "repository/index.h"
#include "repository/repository.h"
#include "repository/verify.h"

namespace holdfast::repository {

struct PackFindings {
  std::vector<Damage> damage;
  std::vector<WithdrawnBlob> withdrawn;  // what must not be used any more
  // What the store could not read. It may come back with a cable or a mount, so it is lost to this
  // look alone.
  std::vector<WithdrawnBlob> unreadable;
  // Digests of blobs that are intact in packs whose own list of digests is not.
  std::unordered_map<BlobId, std::vector<codec::PageDigest>> digests;
  std::vector<PackId> gone;  // lost, or moved by a prune meanwhile: look at the index again
  std::uint64_t packs = 0, blobs = 0, bytes_read = 0;
};

// Every byte of `packs`, except places that are withdrawn already and not the last of their blob.
// Never throws for damage or for what cannot be read (kIo).
PackFindings read_packs(const Repository& repository, const Index& index,
                        std::span<const PackId> packs, unsigned threads, Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_PACK_READING_H_
