// The index of an export, as anybody can leave it: it is refused, or comes back as the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "engine/exports/export_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const ByteView input = std::as_bytes(std::span(data, size));
  if (engine::decode_index(input)) std::abort();  // nobody guesses its hash

  // With a hash that is right.
  Bytes sealed(input.begin(), input.end());
  const auto index = engine::decode_index(engine::sealed_index(std::move(sealed)));
  if (!index) return 0;
  const Bytes again = engine::encode_index(*index);
  if (!std::ranges::equal(ByteView(again).first(input.size()), input)) std::abort();
  return 0;
}
