#include "cli/lease_wait.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/time.h"

namespace holdfast::cli {

std::chrono::milliseconds parse_lease_wait(std::string_view text) {
  if (text.empty()) return std::chrono::seconds(30);
  const auto span = parse_span(text);
  if (!span || span->years != 0 || span->months != 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--lease-wait takes a span such as 30s or 2m, not \"{}\"", text));
  }
  return std::chrono::days(span->days) + span->seconds;
}

}  // namespace holdfast::cli
