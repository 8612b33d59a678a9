// A line of a spool file. Its first bytes are a digest, which noise would never get right, so the
// rest is also tried with the digest that belongs to it.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/records/spool_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::engine;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (parse_spool_line(text)) {
    std::string other = text;
    other.back() ^= 1;
    if (parse_spool_line(other)) std::abort();
  }
  if (const auto write = parse_spool_line(text_digest(text) + ' ' + text)) {
    std::string line = spool_line(*write);
    line.pop_back();
    const auto again = parse_spool_line(line);
    if (!again || again->record != write->record || again->id != write->id ||
        again->record_id != write->record_id || again->digest != write->digest ||
        again->kind != write->kind || again->time != write->time) {
      std::abort();
    }
  }
  return 0;
}
