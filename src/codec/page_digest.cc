#include "codec/page_digest.h"

#include <algorithm>

#include "base/error.h"
#include "codec/keyed_hash.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast::codec {
namespace {

// x^127 + x^126 + x^121, the upper half of POLYVAL's polynomial.
constexpr std::uint64_t kReduction = 0xc200000000000000;

struct Wide {  // an unreduced product, 256 bits
  std::uint64_t w0 = 0, w1 = 0, w2 = 0, w3 = 0;
};

std::uint64_t reverse_bits(std::uint64_t v) {
  v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
  v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
  v = (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
  return __builtin_bswap64(v);
}

// The low 64 bits of a carry-less product by ordinary multiplication: with three empty bits between
// any two that are used, sums of up to 15 do not reach the next used bit, and the 16 of the topmost
// leaves the word.
std::uint64_t carryless_low(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kMask = 0x1111111111111111;
  std::uint64_t product = 0;
  for (unsigned i = 0; i < 4; ++i) {
    std::uint64_t lane = 0;
    for (unsigned j = 0; j < 4; ++j) {
      lane ^= (a & kMask << j) * (b & kMask << ((i + 4 - j) % 4));
    }
    product |= lane & kMask << i;
  }
  return product;
}

struct Pair {
  std::uint64_t low, high;
};
Pair carryless(std::uint64_t a, std::uint64_t b) {
  return {carryless_low(a, b), reverse_bits(carryless_low(reverse_bits(a), reverse_bits(b))) >> 1};
}

PageDigest reduce(Wide x) {
  const Pair a = carryless(x.w0, kReduction);
  const std::uint64_t b0 = x.w1 ^ a.low, b1 = x.w0 ^ a.high;
  const Pair c = carryless(b0, kReduction);
  return {x.w2 ^ b1 ^ c.low, x.w3 ^ b0 ^ c.high};
}

void accumulate(Wide& sum, PageDigest a, PageDigest b) {
  const Pair low = carryless(a.low, b.low), high = carryless(a.high, b.high);
  const Pair cross = carryless(a.low ^ a.high, b.low ^ b.high);
  sum.w0 ^= low.low;
  sum.w1 ^= low.high ^ cross.low ^ low.low ^ high.low;
  sum.w2 ^= high.low ^ cross.high ^ low.high ^ high.high;
  sum.w3 ^= high.high;
}

PageDigest multiply_portable(PageDigest a, PageDigest b) {
  Wide product;
  accumulate(product, a, b);
  return reduce(product);
}

PageDigest block(const std::byte* data) {
  return {load<std::uint64_t>(data), load<std::uint64_t>(data + 8)};
}

constexpr std::size_t kStride = 16;  // blocks between two reductions, at least

// `powers` ends before H^0: powers[-k] is H^k.
PageDigest digest_portable(const PageDigest* powers, const std::byte* data, std::size_t blocks) {
  PageDigest state;
  while (blocks > 0) {
    const std::size_t count = blocks % kStride != 0 ? blocks % kStride : kStride;
    Wide sum;
    for (std::size_t i = 0; i < count; ++i, data += 16) {
      const PageDigest x = i == 0 ? state + block(data) : block(data);
      accumulate(sum, x, *(powers - (count - i)));
    }
    state = reduce(sum);
    blocks -= count;
  }
  return state;
}

#if defined(__x86_64__)

[[gnu::target("pclmul,sse4.1")]] inline __m128i reduce_x86(__m128i low, __m128i middle,
                                                           __m128i high) {
  low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
  high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
  const __m128i polynomial = _mm_set_epi64x(0, static_cast<long long>(kReduction));
  for (int i = 0; i < 2; ++i) {
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x00));
  }
  return _mm_xor_si128(high, low);
}

[[gnu::target("pclmul,sse4.1")]] PageDigest multiply_x86(PageDigest a, PageDigest b) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&a));
  const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&b));
  const __m128i middle =
      _mm_xor_si128(_mm_clmulepi64_si128(x, y, 0x10), _mm_clmulepi64_si128(x, y, 0x01));
  PageDigest product;
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(&product),
      reduce_x86(_mm_clmulepi64_si128(x, y, 0x00), middle, _mm_clmulepi64_si128(x, y, 0x11)));
  return product;
}

[[gnu::target("pclmul,sse4.1")]] PageDigest digest_pclmul(const PageDigest* powers,
                                                          const std::byte* data,
                                                          std::size_t blocks) {
  __m128i state = _mm_setzero_si128();
  while (blocks > 0) {
    const std::size_t count = blocks % kStride != 0 ? blocks % kStride : kStride;
    __m128i low = _mm_setzero_si128(), middle = low, high = low;
    for (std::size_t i = 0; i < count; ++i, data += 16) {
      const __m128i x =
          _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), state);
      const __m128i y = _mm_load_si128(reinterpret_cast<const __m128i*>(powers - (count - i)));
      state = _mm_setzero_si128();
      low = _mm_xor_si128(low, _mm_clmulepi64_si128(x, y, 0x00));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(x, y, 0x10));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(x, y, 0x01));
      high = _mm_xor_si128(high, _mm_clmulepi64_si128(x, y, 0x11));
    }
    state = reduce_x86(low, middle, high);
    blocks -= count;
  }
  PageDigest digest;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&digest), state);
  return digest;
}

#define HOLDFAST_WIDE "avx512f,avx512dq,avx512vl,vpclmulqdq,pclmul,sse4.1"

constexpr std::size_t kWideStride = 64;
// How far ahead memory is asked for, into the second-level cache: the processor itself does not
// look beyond the page it reads.
constexpr std::size_t kAhead = 8192;

[[gnu::target(HOLDFAST_WIDE)]] inline __m128i fold(__m512i v) {
  const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Four blocks in a register. A reduction waits for all products before it and the next products
// for the reduction, so the more blocks between two of them the better: 64, and 16 for the rest of
// a page. Pages are whole multiples of sixteen blocks; anything else takes the narrow way.
[[gnu::target(HOLDFAST_WIDE)]] PageDigest digest_vpclmul(const PageDigest* powers,
                                                         const std::byte* data,
                                                         std::size_t blocks) {
  if (blocks % kStride != 0) return digest_pclmul(powers, data, blocks);
  __m128i state = _mm_setzero_si128();
  while (blocks > 0) {
    const std::size_t count = blocks % kWideStride != 0 ? kStride : kWideStride;
    __m512i low = _mm512_setzero_si512(), middle = low, high = low;
    for (std::size_t i = count; i > 0; i -= 4, data += 64) {
      const __m512i factors = _mm512_load_si512(powers - i);
      __m512i x = _mm512_loadu_si512(data);
      _mm_prefetch(reinterpret_cast<const char*>(data) + kAhead, _MM_HINT_T1);
      if (i == count) x = _mm512_xor_si512(x, _mm512_zextsi128_si512(state));
      low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(x, factors, 0x00));
      middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(x, factors, 0x10),
                                         _mm512_clmulepi64_epi128(x, factors, 0x01), 0x96);
      high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(x, factors, 0x11));
    }
    state = reduce_x86(fold(low), fold(middle), fold(high));
    blocks -= count;
  }
  PageDigest digest;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&digest), state);
  return digest;
}

bool has_pclmul() {
  return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}
bool has_vpclmul() {
  return has_pclmul() && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("vpclmulqdq") != 0;
}

#endif

using Multiply = PageDigest (*)(PageDigest, PageDigest);
Multiply fastest_multiply() {
#if defined(__x86_64__)
  if (has_pclmul()) return multiply_x86;
#endif
  return multiply_portable;
}
const Multiply kMultiply = fastest_multiply();

PageDigest element(const SecretKey& key) { return block(key.view().data()); }

}  // namespace

PageDigest multiply(PageDigest a, PageDigest b) { return kMultiply(a, b); }

PageHasher::PageHasher(const SecretKey& key, bool portable) : kernel_(digest_portable) {
#if defined(__x86_64__)
  if (!portable && has_pclmul()) kernel_ = has_vpclmul() ? digest_vpclmul : digest_pclmul;
#endif
  powers_.back() = element(key);
  for (std::size_t i = kPowers - 1; i-- > 0;) {
    powers_[i] = portable ? multiply_portable(powers_[i + 1], powers_.back())
                          : multiply(powers_[i + 1], powers_.back());
  }
}

PageDigest PageHasher::digest(ByteView page) const {
  if (page.empty() || page.size() % 16 != 0) {
    throw Error(ErrorCode::kInternal, "a page is a positive multiple of 16 bytes");
  }
  return kernel_(powers_.data() + kPowers, page.data(), page.size() / 16);
}

void PageHasher::digest_pages(ByteView pages, std::size_t page_size,
                              std::span<PageDigest> out) const {
  if (page_size == 0 || page_size % 16 != 0 || pages.size() != out.size() * page_size) {
    throw Error(ErrorCode::kInternal, "pages and digests do not belong together");
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = kernel_(powers_.data() + kPowers, pages.data() + i * page_size, page_size / 16);
  }
}

ChecksumKey::ChecksumKey(const SecretKey& key)
    : hasher_(key), finish_(derive_key(key, "holdfast 1 checksum finish")) {
  squares_[0] = element(key);
  for (std::size_t i = 1; i < squares_.size(); ++i) {
    squares_[i] = multiply(squares_[i - 1], squares_[i - 1]);
  }
}

PageDigest ChecksumKey::power(std::uint64_t exponent) const {
  if (exponent == 0) throw Error(ErrorCode::kInternal, "POLYVAL's product has no plain unit");
  PageDigest result;
  bool started = false;
  for (std::size_t i = 0; exponent != 0; ++i, exponent >>= 1) {
    if ((exponent & 1) == 0) continue;
    result = started ? multiply(result, squares_[i]) : squares_[i];
    started = true;
  }
  return result;
}

void DatabaseChecksum::add(std::uint64_t first_page, std::span<const PageDigest> digests) {
  if (digests.empty()) return;
  thread_local std::vector<PageDigest> backwards;
  backwards.assign(digests.rbegin(), digests.rend());
  add_range(first_page - 1, key_->hasher_.digest(std::as_bytes(std::span(backwards))));
}

void DatabaseChecksum::add_range(std::uint64_t pages_before, PageDigest sum_from_1) {
  sum_ = sum_ + (pages_before == 0 ? sum_from_1 : multiply(sum_from_1, key_->power(pages_before)));
}

std::string DatabaseChecksum::finish(std::uint32_t page_size, std::uint64_t page_count) const {
  std::array<std::byte, 32> out;
  KeyedHash(key_->finish_, out.size())
      .number(page_size)
      .number(page_count)
      .number(sum_.low)
      .number(sum_.high)
      .finish(out);
  return to_hex(out);
}

}  // namespace holdfast::codec
