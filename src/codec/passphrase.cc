#include "codec/passphrase.h"

#include <fmt/format.h>
#include <sodium.h>

#include "base/error.h"

namespace holdfast::codec {
namespace {

constexpr std::uint64_t kLeastMemory = 8u << 20, kMostMemory = 1u << 30;
constexpr std::uint32_t kMostPasses = 16;

}  // namespace

SecretKey key_from_passphrase(std::string_view passphrase, ByteView salt, PassphraseCost cost) {
  if (salt.size() != kSaltSize || cost.memory_bytes < kLeastMemory ||
      cost.memory_bytes > kMostMemory || cost.passes < 1 || cost.passes > kMostPasses) {
    throw Error(ErrorCode::kDamagedKey,
                fmt::format("a key asks for {} bytes and {} passes of Argon2id with a salt of {} "
                            "bytes, which is out of bounds",
                            cost.memory_bytes, cost.passes, salt.size()));
  }
  SecretKey key;
  if (crypto_pwhash(reinterpret_cast<unsigned char*>(key.writable().data()), SecretKey::kSize,
                    passphrase.data(), passphrase.size(),
                    reinterpret_cast<const unsigned char*>(salt.data()), cost.passes,
                    cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw Error(ErrorCode::kIo, fmt::format("not enough memory to unlock the key ({} MiB needed)",
                                            cost.memory_bytes >> 20));
  }
  return key;
}

}  // namespace holdfast::codec
