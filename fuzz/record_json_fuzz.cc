// A record as an application, or somebody else, sends it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "engine/records/record_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using holdfast::engine::parse_record_json;
  const std::string_view given(reinterpret_cast<const char*>(data), size);
  try {
    const auto record = parse_record_json(given);
    // Whichever parser has read it.
    if (holdfast::engine::Record::parse(given) != record) std::abort();
    // What was taken is written so that the same comes back, and then in the same bytes.
    const std::string text = holdfast::engine::record_text(record);
    const auto again = parse_record_json(text);
    if (again != record || holdfast::engine::record_text(again) != text) std::abort();
  } catch (const holdfast::Error& error) {
    if (error.code() != holdfast::ErrorCode::kRecordInvalid) std::abort();
  }
  return 0;
}
