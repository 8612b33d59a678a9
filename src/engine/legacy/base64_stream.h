// Base64 in pieces: what can be read before the first damage.
#ifndef HOLDFAST_ENGINE_LEGACY_BASE64_STREAM_H_
#define HOLDFAST_ENGINE_LEGACY_BASE64_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::engine {

// Standard base64 (RFC 4648 §4); blanks and ends of lines are passed over.
class Base64Stream {
 public:
  // Appends to `out` what `text` completes. Nothing more comes after a damage.
  void add(std::string_view text, std::string& out);
  // The text is at its end: it must not end within four characters.
  void finish();
  // What is wrong and where; empty: nothing.
  const std::string& damage() const { return damage_; }

 private:
  void refuse(std::string_view what);

  std::uint32_t bits_ = 0;
  unsigned count_ = 0, padding_ = 0;
  std::uint64_t position_ = 0;
  std::string damage_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_BASE64_STREAM_H_
