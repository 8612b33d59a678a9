// The envelope of small objects: index, snapshots, segments, intents, leases, log entries.
// Compressed, encrypted, bound to their name.
#ifndef HOLDFAST_REPOSITORY_DOCUMENT_H_
#define HOLDFAST_REPOSITORY_DOCUMENT_H_

#include <string_view>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::repository {

// "HFD1" · kind (u8) · compression (u8) · zero (u16) · raw size (u32) · box. Associated data: the
// 12 header bytes and the object's full name, so that no document can stand in for another.
enum class DocumentKind : std::uint8_t {
  kIndex = 1,
  kSnapshot = 2,
  kIntent = 3,
  kLog = 4,
  kCondemned = 5,
  kLeaving = 6,
  kSegment = 7,
  kAnchor = 8,
  kMark = 9,
  kLease = 10,
  kProof = 11,
  kVerified = 12,
  kAdoption = 13,
};

Bytes seal_document(const codec::SecretKey& key, DocumentKind kind, std::string_view name,
                    ByteView content);
// How large its content is, if what the object says of itself is true; 0 for what is no document.
// For who must not be made to find out.
std::uint32_t claimed_size(ByteView object);
// Throws kDamagedObject.
Bytes open_document(const codec::SecretKey& key, DocumentKind kind, std::string_view name,
                    ByteView object);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_DOCUMENT_H_
