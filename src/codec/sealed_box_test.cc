#include "codec/sealed_box.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::codec {
namespace {

SecretKey seed_of(char letter) {
  Bytes bytes(SecretKey::kSize, static_cast<std::byte>(letter));
  return SecretKey(bytes);
}

TEST(SealedBox, OpensWithTheKeysItWasSealedFor) {
  const SealingKeys keys(seed_of('a'));
  const SecretKey content = SecretKey::random();
  const Bytes box = seal_to(keys.public_key(), content);
  EXPECT_EQ(box.size(), kSealOverhead + SecretKey::kSize);
  EXPECT_TRUE(keys.open(box, "a box") == content);
}

TEST(SealedBox, TheSameSeedGivesTheSameKeys) {
  EXPECT_EQ(SealingKeys(seed_of('a')).public_key(), SealingKeys(seed_of('a')).public_key());
  EXPECT_NE(SealingKeys(seed_of('a')).public_key(), SealingKeys(seed_of('b')).public_key());
}

// The secret key is the first half of the SHA-512 of the seed: docs/format.md, "Sealed sessions".
TEST(SealedBox, AnotherProgramGetsTheSamePublicKey) {
  EXPECT_EQ(to_hex(ByteView(SealingKeys(seed_of('\0')).public_key())),
            "5bf55c73b82ebe22be80f3430667af570fae2556a6415e6b30d4065300aa947d");
}

TEST(SealedBox, NothingElseOpensIt) {
  const SealingKeys keys(seed_of('a'));
  Bytes box = seal_to(keys.public_key(), SecretKey::random());
  const auto opens = [&](const SealingKeys& with, ByteView what) {
    try {
      with.open(what, "a box");
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamagedObject);
      return false;
    }
  };
  EXPECT_FALSE(opens(SealingKeys(seed_of('b')), box));
  EXPECT_FALSE(opens(keys, ByteView(box).first(box.size() - 1)));
  EXPECT_FALSE(opens(keys, {}));
  for (std::size_t at = 0; at < box.size(); ++at) {
    box[at] ^= std::byte{1};
    EXPECT_FALSE(opens(keys, box)) << "byte " << at;
    box[at] ^= std::byte{1};
  }
  EXPECT_TRUE(opens(keys, box));
}

TEST(SealedBox, TwoBoxesOfOneContentHaveNothingInCommon) {
  const SealingKeys keys(seed_of('a'));
  const SecretKey content = SecretKey::random();
  EXPECT_NE(seal_to(keys.public_key(), content), seal_to(keys.public_key(), content));
}

}  // namespace
}  // namespace holdfast::codec
