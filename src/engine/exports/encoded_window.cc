#include "engine/exports/encoded_window.h"

#include <algorithm>
#include <cstring>

#include "engine/exports/json_text.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kEncodedAtOnce = 48u << 10;  // a multiple of three

}  // namespace

void EncodedWindow::add(std::string_view text) {
  if (base64_) {
    add_base64(text);
  } else {
    add_bytes(as_bytes(text));
  }
}

void EncodedWindow::finish() {
  if (!carried_.empty()) {
    encoded_.clear();
    append_base64(carried_, encoded_);
    add_bytes(as_bytes(encoded_));
  }
  if (filled_ > 0) full_(window_.first(filled_));
  filled_ = 0;
}

void EncodedWindow::add_base64(std::string_view text) {
  const auto encode = [&](std::string_view whole) {
    encoded_.clear();
    append_base64(whole, encoded_);
    add_bytes(as_bytes(encoded_));
  };
  if (!carried_.empty()) {
    const std::size_t taken = std::min(text.size(), 3 - carried_.size());
    carried_ += text.substr(0, taken);
    text.remove_prefix(taken);
    if (carried_.size() < 3) return;
    encode(carried_);
    carried_.clear();
  }
  while (text.size() >= 3) {
    const std::size_t taken = std::min(kEncodedAtOnce, text.size() / 3 * 3);
    encode(text.substr(0, taken));
    text.remove_prefix(taken);
  }
  carried_ = text;
}

void EncodedWindow::add_bytes(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), window_.size() - filled_);
    std::memcpy(window_.data() + filled_, bytes.data(), taken);
    filled_ += taken;
    bytes = bytes.subspan(taken);
    if (filled_ == window_.size()) {
      filled_ = 0;
      full_(window_);
    }
  }
}

}  // namespace holdfast::engine
