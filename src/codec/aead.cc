#include "codec/aead.h"

#include <fmt/format.h>
#include <sodium.h>

#include "base/error.h"
#include "codec/raw_bytes.h"

namespace holdfast::codec {
namespace {

static_assert(kNonceSize == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kTagSize == crypto_aead_xchacha20poly1305_ietf_ABYTES);

}  // namespace

void seal(const SecretKey& key, ByteView associated, ByteView plain, MutableByteView box) {
  if (box.size() != plain.size() + kBoxOverhead) {
    throw Error(ErrorCode::kInternal, "a box has another size than what it shall hold");
  }
  const MutableByteView nonce = box.first(kNonceSize);
  random_bytes(nonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      reinterpret_cast<unsigned char*>(box.data() + kNonceSize), nullptr, raw(plain), plain.size(),
      raw(associated), associated.size(), nullptr, raw(nonce), raw(key.view()));
}

void seal(const SecretKey& key, ByteView associated, ByteView plain, Bytes& out) {
  const std::size_t start = out.size();
  out.resize(start + plain.size() + kBoxOverhead);
  seal(key, associated, plain, MutableByteView(out).subspan(start));
}

void open(const SecretKey& key, ByteView associated, ByteView box, MutableByteView out,
          std::string_view what) {
  const bool authentic = box.size() >= kBoxOverhead && out.size() == box.size() - kBoxOverhead &&
                         crypto_aead_xchacha20poly1305_ietf_decrypt(
                             reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr,
                             raw(box.subspan(kNonceSize)), box.size() - kNonceSize, raw(associated),
                             associated.size(), raw(box), raw(key.view())) == 0;
  if (!authentic) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("{} is damaged or was tampered with (it does not authenticate)", what));
  }
}

Bytes open(const SecretKey& key, ByteView associated, ByteView box, std::string_view what) {
  Bytes plain(box.size() < kBoxOverhead ? 0 : box.size() - kBoxOverhead);
  open(key, associated, box, plain, what);
  return plain;
}

}  // namespace holdfast::codec
