#include "codec/keyed_hash.h"

#include <sodium.h>

#include "base/error.h"

namespace holdfast::codec {
namespace {

crypto_generichash_state* as_state(std::array<std::byte, 384>& bytes) {
  static_assert(sizeof(crypto_generichash_state) <= 384);
  return reinterpret_cast<crypto_generichash_state*>(bytes.data());
}

}  // namespace

KeyedHash::KeyedHash(const SecretKey& key, std::size_t size) : size_(size) {
  crypto_generichash_init(as_state(state_),
                          reinterpret_cast<const unsigned char*>(key.view().data()),
                          SecretKey::kSize, size);
}

KeyedHash& KeyedHash::add(ByteView bytes) {
  crypto_generichash_update(as_state(state_), reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
  return *this;
}

void KeyedHash::finish(MutableByteView out) {
  if (out.size() != size_)
    throw Error(ErrorCode::kInternal, "a hash was asked for in another size");
  crypto_generichash_final(as_state(state_), reinterpret_cast<unsigned char*>(out.data()), size_);
}

}  // namespace holdfast::codec
