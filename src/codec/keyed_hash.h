#ifndef HOLDFAST_CODEC_KEYED_HASH_H_
#define HOLDFAST_CODEC_KEYED_HASH_H_

#include <array>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::codec {

// BLAKE2b (RFC 7693) with a 32-byte key, in pieces. `Size` is the output length in bytes, a
// parameter of BLAKE2b itself: a shorter hash is not a prefix of a longer one.
class KeyedHash {
 public:
  KeyedHash(const SecretKey& key, std::size_t size);
  KeyedHash& add(ByteView bytes);
  template <std::integral T>
  KeyedHash& number(T value) {
    return add(std::as_bytes(std::span(&value, 1)));
  }
  void finish(MutableByteView out);  // out.size() == size

 private:
  alignas(64) std::array<std::byte, 384> state_;  // crypto_generichash_state
  std::size_t size_;
};

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_KEYED_HASH_H_
