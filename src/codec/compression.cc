#include "codec/compression.h"

#include <fmt/format.h>
#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_c_literalCompressionMode
#include <zstd.h>

#include <algorithm>

#include "base/buffer.h"
#include "base/error.h"

namespace holdfast::codec {
namespace {

// Leaves of page maps, mostly ids, which do not shrink: setting up costs more than it could save.
constexpr std::size_t kLeastWorthwhile = 1024;

}  // namespace

struct Compressor::State {
  explicit State(int level_) : context(ZSTD_createCCtx()), level(level_) {
    if (context == nullptr) throw Error(ErrorCode::kInternal, "out of memory for a compressor");
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    if (level != kDefaultCompressionLevel) return;
    // Groups of pages have their repetitions a page or more apart, and longer ones than text: with
    // a minimum of 7 and a table twice as large, every fourth place needs to be looked up only. On
    // a database of text, JSON and binary columns that takes 18 % less time than the level's own
    // choice, and no more space. Literals are then not compressed unless it is said.
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 20);
    ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, 17);
    ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, 7);
    ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, 4);
    ZSTD_CCtx_setParameter(context, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  }
  ~State() { ZSTD_freeCCtx(context); }
  ZSTD_CCtx* context;
  int level;
  Buffer buffer;
};

Compressor::Compressor(int level) : state_(std::make_unique<State>(std::clamp(level, 1, 19))) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;

Compressor::Result Compressor::compress(ByteView plain) {
  return compress(plain, state_->buffer.first(plain.size()));
}

Compressor::Result Compressor::compress(ByteView plain, MutableByteView room) {
  // One byte less than the input: what does not fit does not shrink.
  if (plain.size() < kLeastWorthwhile) return {Compression::kNone, plain};
  const std::size_t size =
      ZSTD_compress2(state_->context, room.data(), plain.size() - 1, plain.data(), plain.size());
  if (ZSTD_isError(size)) return {Compression::kNone, plain};
  return {Compression::kZstd, room.first(size)};
}

struct Decompressor::State {
  State() : context(ZSTD_createDCtx()) {
    if (context == nullptr) throw Error(ErrorCode::kInternal, "out of memory for a decompressor");
  }
  ~State() { ZSTD_freeDCtx(context); }
  ZSTD_DCtx* context;
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;

void Decompressor::decompress(Compression method, ByteView stored, MutableByteView out,
                              std::string_view what) {
  bool whole = false;
  switch (method) {
    case Compression::kNone:
      whole = stored.size() == out.size();
      if (whole) std::copy(stored.begin(), stored.end(), out.begin());
      break;
    case Compression::kZstd:
      whole = ZSTD_decompressDCtx(state_->context, out.data(), out.size(), stored.data(),
                                  stored.size()) == out.size();
      break;
  }
  if (!whole) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("{} does not decompress", what));
  }
}

}  // namespace holdfast::codec
