// The object `config`, which anybody who can write to the store can replace.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const holdfast::ByteView input = std::as_bytes(std::span(data, size));
  try {
    const auto config = holdfast::repository::parse_config(input);
    if (!std::ranges::equal(holdfast::repository::serialize(config), input)) std::abort();
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kDamagedObject &&
        error.code() != holdfast::ErrorCode::kRepositoryVersion) {
      std::abort();
    }
  }
  return 0;
}
