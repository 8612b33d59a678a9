#include "codec/sealed_box.h"

#include <fmt/format.h>
#include <sodium.h>

#include "base/error.h"
#include "codec/raw_bytes.h"

namespace holdfast::codec {

static_assert(kSealOverhead == crypto_box_SEALBYTES);
static_assert(sizeof(PublicKey) == crypto_box_PUBLICKEYBYTES);
static_assert(SecretKey::kSize == crypto_box_SECRETKEYBYTES);
static_assert(SecretKey::kSize == crypto_box_SEEDBYTES);

SealingKeys::SealingKeys(const SecretKey& seed) {
  crypto_box_seed_keypair(raw(MutableByteView(public_)), raw(secret_.writable()), raw(seed.view()));
}

SecretKey SealingKeys::open(ByteView box, std::string_view what) const {
  SecretKey content;
  if (box.size() != kSealOverhead + SecretKey::kSize ||
      crypto_box_seal_open(raw(content.writable()), raw(box), box.size(), raw(ByteView(public_)),
                           raw(secret_.view())) != 0) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("{} is not sealed for this repository", what));
  }
  return content;
}

Bytes seal_to(const PublicKey& recipient, const SecretKey& content) {
  Bytes box(kSealOverhead + SecretKey::kSize);
  if (crypto_box_seal(raw(MutableByteView(box)), raw(content.view()), SecretKey::kSize,
                      raw(ByteView(recipient))) != 0) {
    throw Error(ErrorCode::kDamagedKey, "the public key of the repository is not one");
  }
  return box;
}

}  // namespace holdfast::codec
