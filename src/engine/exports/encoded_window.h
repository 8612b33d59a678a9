// Text on its way to a file: in base64 where that is wanted, in large aligned pieces.
#ifndef HOLDFAST_ENGINE_EXPORTS_ENCODED_WINDOW_H_
#define HOLDFAST_ENGINE_EXPORTS_ENCODED_WINDOW_H_

#include <functional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "engine/exports/file_digest.h"

namespace holdfast::engine {

class EncodedWindow {
 public:
  static constexpr std::size_t kSize = 2 * kDigestPiece;

  // `full` gets all bytes in order, in pieces of kSize; only the last one is shorter.
  EncodedWindow(bool base64, std::function<void(ByteView)> full)
      : base64_(base64), full_(std::move(full)), window_(buffer_.first(kSize)) {}

  void add(std::string_view text);
  void finish();

 private:
  void add_bytes(ByteView bytes);
  void add_base64(std::string_view text);

  const bool base64_;
  const std::function<void(ByteView)> full_;
  Buffer buffer_;
  MutableByteView window_;
  std::size_t filled_ = 0;
  std::string carried_, encoded_;  // base64: what does not fill three bytes yet
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_ENCODED_WINDOW_H_
