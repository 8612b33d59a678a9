// Names of a timeline's objects and the content of an anchor: "name\ncontent". A name is understood
// in one way only; what is understood of the content is written back the same.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/timeline_anchor.h"
#include "repository/timeline_names.h"

namespace {

constexpr std::string_view kSeries = "0123456789abcdef0123456789abcdef";

using holdfast::repository::AnchorName;
using holdfast::repository::object_name;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view content = input.substr(std::min(input.size(), end + 1));
  for (const std::string& folder : {std::string(), holdfast::repository::anchor_folder(kSeries),
                                    holdfast::repository::segment_folder(kSeries)}) {
    const std::string object = folder + std::string(input.substr(0, end));
    const auto segment = holdfast::repository::parse_segment_name(kSeries, object);
    if (segment && object_name(kSeries, *segment) != object) std::abort();
    const auto anchor = holdfast::repository::parse_anchor_name(kSeries, object);
    if (!anchor) continue;
    if (object_name(kSeries, *anchor) != object) std::abort();
    try {
      const auto parsed = holdfast::repository::parse_anchor(*anchor, holdfast::as_bytes(content));
      const holdfast::Bytes written = holdfast::repository::serialize(parsed);
      if (holdfast::repository::serialize(holdfast::repository::parse_anchor(*anchor, written)) !=
          written) {
        std::abort();
      }
    } catch (const holdfast::Error& error) {
      if (error.code() != holdfast::ErrorCode::kDamagedObject &&
          error.code() != holdfast::ErrorCode::kRepositoryVersion) {
        std::abort();
      }
    }
  }
  return 0;
}
