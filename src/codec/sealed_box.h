// Boxes that anybody can close and only the holder of a secret key can open: X25519,
// XSalsa20-Poly1305 (libsodium's crypto_box_seal), with a key pair for each box that is forgotten
// when it is closed.
#ifndef HOLDFAST_CODEC_SEALED_BOX_H_
#define HOLDFAST_CODEC_SEALED_BOX_H_

#include <array>
#include <string_view>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::codec {

// A sealed box is public key (32) || tag (16) || ciphertext.
inline constexpr std::size_t kSealOverhead = 48;

using PublicKey = std::array<std::byte, 32>;

class SealingKeys {
 public:
  // The key pair that follows from 32 secret bytes.
  explicit SealingKeys(const SecretKey& seed);
  const PublicKey& public_key() const { return public_; }
  // Throws Error(kDamagedObject) naming `what` unless it was sealed for these keys.
  SecretKey open(ByteView box, std::string_view what) const;

 private:
  PublicKey public_{};
  SecretKey secret_;
};

Bytes seal_to(const PublicKey& recipient, const SecretKey& content);

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_SEALED_BOX_H_
