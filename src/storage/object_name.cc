#include "storage/object_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::storage {

bool is_legal_object_name(std::string_view name) {
  for (;;) {
    const std::string_view segment = name.substr(0, name.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    const bool legal = std::all_of(segment.begin(), segment.end(), [](char letter) {
      return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
             letter == '.' || letter == '_' || letter == '-';
    });
    if (!legal) return false;
    if (segment.size() == name.size()) return true;
    name.remove_prefix(segment.size() + 1);
  }
}

void require_legal_object_name(std::string_view name) {
  if (is_legal_object_name(name)) return;
  throw Error(ErrorCode::kInternal, fmt::format("\"{}\" cannot be the name of an object", name));
}

}  // namespace holdfast::storage
