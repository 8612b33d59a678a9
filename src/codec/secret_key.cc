#include "codec/secret_key.h"

#include <sodium.h>

#include <algorithm>

#include "base/error.h"
#include "codec/raw_bytes.h"

namespace holdfast::codec {
namespace {

void start_sodium() {
  static const int started = sodium_init();
  if (started < 0) throw Error(ErrorCode::kInternal, "libsodium cannot start");
}

}  // namespace

SecretKey::SecretKey(ByteView bytes) {
  if (bytes.size() != kSize) throw Error(ErrorCode::kInternal, "a key has 32 bytes");
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::random() {
  SecretKey key;
  random_bytes(key.bytes_);
  return key;
}

bool SecretKey::operator==(const SecretKey& other) const {
  return sodium_memcmp(bytes_.data(), other.bytes_.data(), kSize) == 0;
}

SecretKey derive_key(const SecretKey& master, std::string_view context) {
  start_sodium();
  SecretKey key;
  crypto_generichash(raw(key.writable()), SecretKey::kSize, raw(as_bytes(context)), context.size(),
                     raw(master.view()), SecretKey::kSize);
  return key;
}

void random_bytes(MutableByteView out) {
  start_sodium();
  randombytes_buf(out.data(), out.size());
}

}  // namespace holdfast::codec
