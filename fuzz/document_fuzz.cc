// Documents: as an attacker forges them, as somebody with the key would, and as they are.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "codec/aead.h"
#include "repository/document.h"

namespace {

using holdfast::Bytes;
using holdfast::ByteView;
using holdfast::repository::DocumentKind;

constexpr std::string_view kName = "log/fuzz";
constexpr std::size_t kHeaderSize = 12;

// Whether it opens; every refusal must be kDamagedObject.
bool opens(const holdfast::codec::SecretKey& key, ByteView object) {
  try {
    holdfast::repository::open_document(key, DocumentKind::kLog, kName, object);
    return true;
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kDamagedObject) std::abort();
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  const holdfast::codec::SecretKey key;
  if (opens(key, input)) std::abort();

  if (size >= kHeaderSize) {
    Bytes authentic(input.begin(), input.begin() + kHeaderSize);
    // A size beyond what the content can be is refused; one within is allocated, so keep it small
    // here.
    authentic[10] = authentic[11] = std::byte{0};
    Bytes associated = authentic;
    const ByteView name = holdfast::as_bytes(kName);
    associated.insert(associated.end(), name.begin(), name.end());
    holdfast::codec::seal(key, associated, input.subspan(kHeaderSize), authentic);
    opens(key, authentic);
  }

  const Bytes sealed = holdfast::repository::seal_document(key, DocumentKind::kLog, kName, input);
  if (!std::ranges::equal(
          holdfast::repository::open_document(key, DocumentKind::kLog, kName, sealed), input)) {
    std::abort();
  }
  return 0;
}
