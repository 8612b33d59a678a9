// The content of a segment, under a name that fits where it can: what is understood is written back
// the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/timeline_segment.h"

namespace {

using holdfast::ByteView;
using holdfast::repository::SegmentName;

// As the header says, so that what comes after it is looked at too.
SegmentName name_for(ByteView content) {
  SegmentName name{.position = {.branch = 1, .number = 2}, .base = 1, .time = {}, .check = {}};
  if (content.size() < 76) return name;
  name.position.branch = holdfast::load<std::uint32_t>(content.data() + 4);
  name.position.number = holdfast::load<std::uint64_t>(content.data() + 8);
  name.base = holdfast::load<std::uint64_t>(content.data() + 16);
  name.time = holdfast::Time(holdfast::Duration(holdfast::load<std::int64_t>(content.data() + 24)));
  name.check = holdfast::to_hex(content.subspan(44, 8));
  return name;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  const SegmentName name = name_for(input);
  try {
    const auto segment = holdfast::repository::parse_segment(name, {input.begin(), input.end()});
    // Times that no writer gives are not written back.
    if (segment.time < holdfast::Time{} ||
        segment.time > holdfast::Time(std::chrono::hours(1 << 20))) {
      return 0;
    }
    if (!std::ranges::equal(holdfast::repository::serialize(segment), input)) std::abort();
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kDamagedObject &&
        error.code() != holdfast::ErrorCode::kRepositoryVersion) {
      std::abort();
    }
  }
  return 0;
}
