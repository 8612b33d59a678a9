#include "codec/page_digest.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace holdfast::codec {
namespace {

Bytes hex(std::string_view text) {
  Bytes bytes(text.size() / 2);
  EXPECT_TRUE(from_hex(text, bytes));
  return bytes;
}

Bytes random_content(std::mt19937_64& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

SecretKey key_with(ByteView first16) {
  Bytes whole(32);
  std::copy(first16.begin(), first16.end(), whole.begin());
  return SecretKey(whole);
}

std::string text(PageDigest digest) { return to_hex(std::as_bytes(std::span(&digest, 1))); }

// RFC 8452, appendix A.
TEST(PageDigest, IsPolyvalOfTheStandard) {
  const SecretKey key = key_with(hex("25629347589242761d31f826ba4b757b"));
  const Bytes input = hex("4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362");
  EXPECT_EQ(text(PageHasher(key).digest(input)), "f7a3b47b846119fae5b7866cf5e5b77e");
  EXPECT_EQ(text(PageHasher(key, true).digest(input)), "f7a3b47b846119fae5b7866cf5e5b77e");
}

TEST(PageDigest, IsTheSameWithAndWithoutSpecialInstructions) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const SecretKey key = SecretKey::random();
  const PageHasher fast(key), portable(key, true);
  for (std::size_t size : {16u, 32u, 240u, 256u, 272u, 512u, 1024u, 4096u, 65536u}) {
    const Bytes page = random_content(random, size);
    EXPECT_EQ(fast.digest(page), portable.digest(page)) << size;
  }
}

TEST(PageDigest, ChangesWithEveryBit) {
  const PageHasher hasher(SecretKey::random());
  Bytes page(512);
  const PageDigest zero = hasher.digest(page);
  for (std::size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    EXPECT_NE(hasher.digest(page), zero);
    page[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

TEST(DatabaseChecksum, DoesNotDependOnTheOrderInWhichRangesAreAdded) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const ChecksumKey key(SecretKey::random());
  std::vector<PageDigest> digests(1000);
  for (auto& digest : digests) digest = {random(), random()};
  DatabaseChecksum whole(key), pieces(key);
  whole.add(1, digests);
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < digests.size(); at += 37) starts.push_back(at);
  std::shuffle(starts.begin(), starts.end(), random);
  for (const std::size_t start : starts) {
    const std::size_t count = std::min<std::size_t>(37, digests.size() - start);
    pieces.add(start + 1, std::span(digests).subspan(start, count));
  }
  EXPECT_EQ(whole.finish(4096, 1000), pieces.finish(4096, 1000));
}

TEST(DatabaseChecksum, TellsSwappedPagesSizesAndCountsApart) {
  const ChecksumKey key(SecretKey::random());
  const auto checksum = [&](std::vector<PageDigest> digests, std::uint32_t size) {
    DatabaseChecksum sum(key);
    sum.add(1, digests);
    return sum.finish(size, digests.size());
  };
  const PageDigest a{1, 2}, b{3, 4}, zero;
  EXPECT_NE(checksum({a, b}, 4096), checksum({b, a}, 4096));
  EXPECT_NE(checksum({a, b}, 4096), checksum({a, b}, 8192));
  EXPECT_NE(checksum({a, b}, 4096), checksum({a, b, zero}, 4096));
}

TEST(DatabaseChecksum, PowersAddTheirExponents) {
  const ChecksumKey key(SecretKey::random());
  EXPECT_EQ(multiply(key.power(5), key.power(1234567)), key.power(1234572));
}

}  // namespace
}  // namespace holdfast::codec
