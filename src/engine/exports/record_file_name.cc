#include "engine/exports/record_file_name.h"

#include <fmt/format.h>

#include "engine/records/record_json.h"

namespace holdfast::engine {
namespace {

// With a temporary name's and a kept file's additions still below the usual 255 bytes.
constexpr std::size_t kLongestStem = 180;
constexpr std::size_t kStemBegin = 140;

bool stands_for_itself(char c, bool first) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (!first && (c == '-' || c == '.'));
}

}  // namespace

std::string record_file_name(std::string_view id, bool digested) {
  std::string stem;
  std::size_t whole = 0;  // no escaped byte is cut
  for (const char c : id) {
    if (stands_for_itself(c, stem.empty())) {
      stem += c;
    } else {
      stem += fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
    if (stem.size() <= kStemBegin) whole = stem.size();
    if (stem.size() > kLongestStem) break;
  }
  if (digested || stem.size() > kLongestStem) stem = stem.substr(0, whole) + "=~" + text_digest(id);
  return (stem.empty() ? "=" : stem) + ".json";
}

std::string without_case(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

}  // namespace holdfast::engine
