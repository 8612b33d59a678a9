#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/compression.h"
#include "codec/keyed_hash.h"
#include "codec/passphrase.h"

namespace holdfast::codec {
namespace {

ErrorCode code_of(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(Aead, OpensWhatItSealedAndNothingElse) {
  const SecretKey key = SecretKey::random();
  const auto plain = as_bytes("forty-two pages"), context = as_bytes("here");
  Bytes box;
  seal(key, context, plain, box);
  ASSERT_EQ(box.size(), plain.size() + kBoxOverhead);
  const Bytes opened = open(key, context, box, "box");
  EXPECT_EQ(as_text(opened), "forty-two pages");
  for (std::size_t i = 0; i < box.size(); ++i) {
    Bytes tampered = box;
    tampered[i] ^= std::byte{1};
    EXPECT_EQ(code_of([&] { open(key, context, tampered, "box"); }), ErrorCode::kDamagedObject);
  }
  EXPECT_EQ(code_of([&] { open(key, as_bytes("there"), box, "box"); }), ErrorCode::kDamagedObject);
  EXPECT_EQ(code_of([&] { open(SecretKey::random(), context, box, "box"); }),
            ErrorCode::kDamagedObject);
  EXPECT_EQ(code_of([&] { open(key, context, ByteView(box).first(20), "box"); }),
            ErrorCode::kDamagedObject);
}

TEST(Aead, SealsWhereThePlainTextStands) {
  const SecretKey key = SecretKey::random();
  Bytes box(kNonceSize + 5 + kTagSize);
  const auto plain = MutableByteView(box).subspan(kNonceSize, 5);
  std::ranges::copy(as_bytes("pages"), plain.begin());
  seal(key, {}, plain, MutableByteView(box));
  EXPECT_EQ(as_text(open(key, {}, box, "box")), "pages");
  EXPECT_EQ(code_of([&] { seal(key, {}, as_bytes("other size"), MutableByteView(box)); }),
            ErrorCode::kInternal);
}

TEST(Aead, NeverRepeatsItself) {
  const SecretKey key = SecretKey::random();
  Bytes first, second;
  seal(key, {}, as_bytes("same"), first);
  seal(key, {}, as_bytes("same"), second);
  EXPECT_NE(first, second);
}

TEST(Compression, GivesBackWhatItWasGivenAndLeavesNoiseAlone) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  Compressor compressor;
  Decompressor decompressor;
  for (std::size_t size : {0u, 1u, 2u, 100u, 4096u, 1u << 20}) {
    Bytes text(size, std::byte{'a'}), noise(size), out(size);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    for (const Bytes* plain : {&text, &noise}) {
      const auto result = compressor.compress(*plain);
      decompressor.decompress(result.method, result.bytes, out, "blob");
      EXPECT_EQ(out, *plain);
    }
    if (size > 100) {
      EXPECT_EQ(compressor.compress(text).method, Compression::kZstd);
      EXPECT_EQ(compressor.compress(noise).method, Compression::kNone);
    }
  }
}

TEST(Compression, RefusesAnythingThatDoesNotFillTheExpectedSizeExactly) {
  Compressor compressor;
  Decompressor decompressor;
  const Bytes plain(1000, std::byte{'x'});
  const auto result = compressor.compress(plain);
  const Bytes stored(result.bytes.begin(), result.bytes.end());
  for (std::size_t size : {0u, 999u, 1001u}) {
    Bytes out(size);
    EXPECT_EQ(code_of([&] { decompressor.decompress(result.method, stored, out, "blob"); }),
              ErrorCode::kDamagedObject);
  }
}

TEST(KeyedHash, DependsOnKeyContentAndSize) {
  const SecretKey key = SecretKey::random();
  const auto hash = [](const SecretKey& with, std::string_view content, std::size_t size) {
    Bytes out(size);
    KeyedHash(with, size).add(as_bytes(content)).finish(out);
    return out;
  };
  EXPECT_EQ(hash(key, "a", 32), hash(key, "a", 32));
  EXPECT_NE(hash(key, "a", 32), hash(key, "b", 32));
  EXPECT_NE(hash(key, "a", 32), hash(SecretKey::random(), "a", 32));
  const Bytes longer = hash(key, "a", 32), shorter = hash(key, "a", 16);
  EXPECT_FALSE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(Passphrase, MakesAnotherKeyForEachSaltAndPassphraseAndRefusesExcessiveCosts) {
  const PassphraseCost cheap{8u << 20, 1};
  const Bytes salt(kSaltSize), other(kSaltSize, std::byte{1});
  const SecretKey key = key_from_passphrase("correct horse", salt, cheap);
  EXPECT_TRUE(key == key_from_passphrase("correct horse", salt, cheap));
  EXPECT_FALSE(key == key_from_passphrase("correct horse", other, cheap));
  EXPECT_FALSE(key == key_from_passphrase("battery staple", salt, cheap));
  for (const PassphraseCost& cost : {PassphraseCost{1u << 20, 1}, PassphraseCost{2ull << 30, 1},
                                     PassphraseCost{8u << 20, 0}, PassphraseCost{8u << 20, 1000}}) {
    EXPECT_EQ(code_of([&] { key_from_passphrase("x", salt, cost); }), ErrorCode::kDamagedKey);
  }
}

}  // namespace
}  // namespace holdfast::codec
