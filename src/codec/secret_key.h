#ifndef HOLDFAST_CODEC_SECRET_KEY_H_
#define HOLDFAST_CODEC_SECRET_KEY_H_

#include <array>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::codec {

// 32 secret bytes, wiped when they go.
class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;

  SecretKey() = default;
  explicit SecretKey(ByteView bytes);  // exactly kSize
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  static SecretKey random();

  ByteView view() const { return bytes_; }
  MutableByteView writable() { return bytes_; }
  bool operator==(const SecretKey& other) const;  // in constant time

 private:
  std::array<std::byte, kSize> bytes_{};
};

// A key for one purpose: BLAKE2b-256 keyed with `master` over `context`.
SecretKey derive_key(const SecretKey& master, std::string_view context);

void random_bytes(MutableByteView out);

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_SECRET_KEY_H_
