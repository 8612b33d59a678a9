// A list of verified packs: what is understood is written back, and understood the same.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/verified_packs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::repository;
  try {
    const VerifiedTimes times = parse_verified(std::as_bytes(std::span(data, size)));
    if (parse_verified(serialize(times)) != times) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) std::abort();
  }
  return 0;
}
