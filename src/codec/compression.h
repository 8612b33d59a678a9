#ifndef HOLDFAST_CODEC_COMPRESSION_H_
#define HOLDFAST_CODEC_COMPRESSION_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::codec {

// How a blob's plaintext is written. The numbers are part of the repository format.
enum class Compression : std::uint8_t { kNone = 0, kZstd = 1 };

inline constexpr int kDefaultCompressionLevel = 2;

// Contexts for one thread. Compressing what does not shrink answers kNone and the input itself.
class Compressor {
 public:
  explicit Compressor(int level = kDefaultCompressionLevel);  // 1 … 19
  ~Compressor();
  Compressor(Compressor&&) noexcept;

  struct Result {
    Compression method;
    ByteView bytes;  // `plain` itself, or the beginning of `room`
  };
  // `room` is at least as large as `plain`. Without it, memory of this object is used, until the
  // next call.
  Result compress(ByteView plain, MutableByteView room);
  Result compress(ByteView plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;

  // Fills `out` exactly, whatever the input claims; throws Error(kDamagedObject) naming `what`
  // otherwise.
  void decompress(Compression method, ByteView stored, MutableByteView out, std::string_view what);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_COMPRESSION_H_
