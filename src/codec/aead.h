// Authenticated encryption: XChaCha20-Poly1305 (IETF), a random 24-byte nonce for each box.
#ifndef HOLDFAST_CODEC_AEAD_H_
#define HOLDFAST_CODEC_AEAD_H_

#include <string_view>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::codec {

// A box is nonce (24) || ciphertext || tag (16).
inline constexpr std::size_t kNonceSize = 24;
inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kBoxOverhead = kNonceSize + kTagSize;

// Fills `box`, which is kBoxOverhead larger than `plain`. The plain text may stand in the box
// already, behind the place of the nonce.
void seal(const SecretKey& key, ByteView associated, ByteView plain, MutableByteView box);
// Appends the box of `plain` to `out`.
void seal(const SecretKey& key, ByteView associated, ByteView plain, Bytes& out);
// Writes box.size() - kBoxOverhead bytes to `out` (which must have that size). Throws
// Error(kDamagedObject) naming `what` unless key, associated data and box belong together.
void open(const SecretKey& key, ByteView associated, ByteView box, MutableByteView out,
          std::string_view what);
Bytes open(const SecretKey& key, ByteView associated, ByteView box, std::string_view what);

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_AEAD_H_
