#ifndef HOLDFAST_CODEC_PASSPHRASE_H_
#define HOLDFAST_CODEC_PASSPHRASE_H_

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::codec {

// Argon2id 1.3 with one lane. Parameters come from a key object before it is authenticated, so they
// are bounded: 8 MiB … 1 GiB of memory, 1 … 16 passes; anything else throws Error(kDamagedKey).
struct PassphraseCost {
  std::uint64_t memory_bytes = 64u << 20;
  std::uint32_t passes = 3;
};
inline constexpr std::size_t kSaltSize = 16;

SecretKey key_from_passphrase(std::string_view passphrase, ByteView salt, PassphraseCost cost);

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_PASSPHRASE_H_
