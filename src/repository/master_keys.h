#ifndef HOLDFAST_REPOSITORY_MASTER_KEYS_H_
#define HOLDFAST_REPOSITORY_MASTER_KEYS_H_

#include "codec/secret_key.h"

namespace holdfast::repository {

// The repository's random master key and the keys derived from it, one for each purpose
// (codec::derive_key with the context in quotes).
struct MasterKeys {
  explicit MasterKeys(const codec::SecretKey& master_key)
      : master(master_key),
        blobs(codec::derive_key(master, "holdfast 1 blobs")),
        documents(codec::derive_key(master, "holdfast 1 documents")),
        ids(codec::derive_key(master, "holdfast 1 ids")),
        pages(codec::derive_key(master, "holdfast 1 pages")),
        checksum(codec::derive_key(master, "holdfast 1 checksum")),
        cache(codec::derive_key(master, "holdfast 1 cache")) {}

  codec::SecretKey master;
  codec::SecretKey blobs;      // encrypts blobs, and digests and directories of packs
  codec::SecretKey documents;  // encrypts index, snapshots, intents, log
  codec::SecretKey ids;        // ids of blobs
  codec::SecretKey pages;      // page digests
  codec::SecretKey checksum;   // database checksums
  codec::SecretKey cache;      // encrypts local caches
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_MASTER_KEYS_H_
