// Key objects, which are read before anything about them is proved; and what people type as a
// recovery code.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/key_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const holdfast::ByteView input = std::as_bytes(std::span(data, size));
  try {
    const auto key = holdfast::repository::parse_key_object({}, input);
    if (key.box.size() != 72) std::abort();
    // An open key costs no Argon2id; this one was made for no config at all.
    if (key.info.kind == holdfast::repository::KeyKind::kOpen) {
      holdfast::repository::unwrap_key(key, {}, {});
    }
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kDamagedKey &&
        error.code() != holdfast::ErrorCode::kDamagedObject) {
      std::abort();
    }
  }
  const std::string code = holdfast::repository::normalize_recovery_code(holdfast::as_text(input));
  if (holdfast::repository::normalize_recovery_code(code) != code) std::abort();
  return 0;
}
