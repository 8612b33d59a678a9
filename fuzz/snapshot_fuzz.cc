// The content of a snapshot: what is understood is written back the same.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using holdfast::repository::parse_snapshot;
  using holdfast::repository::serialize;
  holdfast::Bytes written;
  try {
    written = serialize(parse_snapshot({}, std::as_bytes(std::span(data, size))));
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kDamagedObject &&
        error.code() != holdfast::ErrorCode::kRepositoryVersion) {
      std::abort();
    }
    return 0;
  }
  if (serialize(parse_snapshot({}, written)) != written) std::abort();
  return 0;
}
