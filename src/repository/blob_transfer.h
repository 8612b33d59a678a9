#ifndef HOLDFAST_REPOSITORY_BLOB_TRANSFER_H_
#define HOLDFAST_REPOSITORY_BLOB_TRANSFER_H_

#include "codec/compression.h"
#include "codec/page_digest.h"
#include "repository/blob.h"
#include "repository/repository.h"

namespace holdfast::repository {

// What one thread works with that takes blobs from one repository to another.
struct BlobTransfer {
  BlobTransfer(const Repository& from, const Repository& to)
      : decoder(from.keys()),
        target_decoder(to.keys()),
        encoder(to.keys(), codec::kDefaultCompressionLevel),
        hasher(from.keys().pages),
        target_hasher(to.keys().pages) {}

  BlobDecoder decoder, target_decoder;
  BlobEncoder encoder;
  codec::PageHasher hasher, target_hasher;
  Bytes buffer;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_BLOB_TRANSFER_H_
