// Keyed 128-bit digests of pages, and the checksum of a database combined from them.
//
// The digest of a page is POLYVAL (RFC 8452 §3) of its bytes under a secret key: a polynomial over
// GF(2^128), so two different pages of n bytes, chosen by somebody who knows neither key nor
// digests, have the same digest with probability at most (n/16)/2^128 (2^-120 for 4096 bytes).
// Digests are linear in the page and are therefore never shown outside encrypted objects.
//
// The checksum of pages 1 … N is the sum of D(p)·K^p (products as in POLYVAL) under a second key,
// finished by a keyed BLAKE2b over page size, N and that sum. Terms may be added in any order, and
// a changed page changes one term.
#ifndef HOLDFAST_CODEC_PAGE_DIGEST_H_
#define HOLDFAST_CODEC_PAGE_DIGEST_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::codec {

// An element of GF(2^128) in POLYVAL's representation: the 16 bytes as a little-endian number.
struct PageDigest {
  std::uint64_t low = 0, high = 0;
  bool operator==(const PageDigest&) const = default;
};
static_assert(sizeof(PageDigest) == 16);

inline PageDigest operator+(PageDigest a, PageDigest b) { return {a.low ^ b.low, a.high ^ b.high}; }
// POLYVAL's dot(a, b) = a·b·x^-128.
PageDigest multiply(PageDigest a, PageDigest b);

class PageHasher {
 public:
  // Uses carry-less multiplication instructions where the processor has them; `portable` forbids
  // that.
  explicit PageHasher(const SecretKey& key, bool portable = false);
  PageDigest digest(ByteView page) const;  // a positive multiple of 16 bytes
  // out[i] becomes the digest of the i-th page of `pages`.
  void digest_pages(ByteView pages, std::size_t page_size, std::span<PageDigest> out) const;

 private:
  // `powers` is the end of powers_.
  using Kernel = PageDigest (*)(const PageDigest* powers, const std::byte* data,
                                std::size_t blocks);
  static constexpr std::size_t kPowers = 64;
  alignas(64) std::array<PageDigest, kPowers> powers_;  // H^64 … H^1
  Kernel kernel_;
};

// Powers of the checksum key. Immutable; share one between threads.
class ChecksumKey {
 public:
  explicit ChecksumKey(const SecretKey& key);
  PageDigest power(std::uint64_t exponent) const;  // K^exponent, exponent >= 1

 private:
  friend class DatabaseChecksum;
  PageHasher hasher_;  // of K: a range's sum is POLYVAL of its digests, last one first
  std::array<PageDigest, 64> squares_;  // K^(2^i)
  SecretKey finish_;
};

// One partial sum; sums of disjoint page ranges are added together.
class DatabaseChecksum {
 public:
  explicit DatabaseChecksum(const ChecksumKey& key) : key_(&key) {}
  // Adds pages first_page, first_page + 1, … Page numbers begin with 1.
  void add(std::uint64_t first_page, std::span<const PageDigest> digests);
  void add(const DatabaseChecksum& other) { sum_ = sum_ + other.sum_; }
  // Adds what sum() gave for a range as if that had begun with page 1; it begins after
  // `pages_before` pages.
  void add_range(std::uint64_t pages_before, PageDigest sum_from_1);
  // 32 bytes as hexadecimal.
  std::string finish(std::uint32_t page_size, std::uint64_t page_count) const;
  PageDigest sum() const { return sum_; }

 private:
  const ChecksumKey* key_;
  PageDigest sum_;
};

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_PAGE_DIGEST_H_
