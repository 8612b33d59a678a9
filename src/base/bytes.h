// Byte ranges, little-endian numbers, and a bounded reader for hostile input.
#ifndef HOLDFAST_BASE_BYTES_H_
#define HOLDFAST_BASE_BYTES_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

static_assert(std::endian::native == std::endian::little, "formats are written as little-endian");

template <std::integral T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <std::integral T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
// SQLite's file format is big-endian.
inline std::uint16_t load_be16(const std::byte* from) {
  return __builtin_bswap16(load<std::uint16_t>(from));
}
inline std::uint32_t load_be32(const std::byte* from) {
  return __builtin_bswap32(load<std::uint32_t>(from));
}

// Lower-case hexadecimal. from_hex returns false (and leaves `out` unspecified) on anything but
// exactly 2 × out.size() hexadecimal digits.
std::string to_hex(ByteView bytes);
[[nodiscard]] bool from_hex(std::string_view hex, MutableByteView out);

// Standard base64 with padding (RFC 4648 §4). from_base64 throws Error(kDamagedObject) on anything
// else.
std::string to_base64(ByteView bytes);
Bytes from_base64(std::string_view text);

// Appends fixed-width little-endian numbers, LEB128 varints and raw bytes to a buffer it owns.
class ByteWriter {
 public:
  template <std::integral T>
  void number(T value) {
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store(bytes_.data() + at, value);
  }
  void varint(std::uint64_t value);
  void raw(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }
  std::size_t size() const { return bytes_.size(); }

 private:
  Bytes bytes_;
};

// Reads what ByteWriter wrote. Every read past the end, and every overlong varint, throws
// Error(kDamagedObject) naming `what`; nothing is ever read out of bounds. The bytes must outlive
// it.
class ByteReader {
 public:
  ByteReader(ByteView bytes, std::string_view what) : rest_(bytes), what_(what) {}

  template <std::integral T>
  T number() {
    return load<T>(raw(sizeof(T)).data());
  }
  std::uint64_t varint();
  ByteView raw(std::size_t size);

  std::size_t remaining() const { return rest_.size(); }
  bool at_end() const { return rest_.empty(); }
  void expect_end() const;

 private:
  ByteView rest_;
  std::string_view what_;
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_BYTES_H_
