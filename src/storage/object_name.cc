#include "storage/object_name.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"

namespace holdfast::storage {
namespace {

// By letter. Folders hold tens of thousands of names, and each is looked at.
constexpr std::array<bool, 256> kIllegal = [] {
  std::array<bool, 256> illegal{};
  illegal.fill(true);
  for (const char letter : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789._-")) {
    illegal[static_cast<unsigned char>(letter)] = false;
  }
  return illegal;
}();

}  // namespace

bool is_legal_object_name(std::string_view name) {
  for (;;) {
    const std::string_view segment = name.substr(0, name.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    bool illegal = false;
    for (const char letter : segment) illegal |= kIllegal[static_cast<unsigned char>(letter)];
    if (illegal) return false;
    if (segment.size() == name.size()) return true;
    name.remove_prefix(segment.size() + 1);
  }
}

void require_legal_object_name(std::string_view name) {
  if (is_legal_object_name(name)) return;
  throw Error(ErrorCode::kInternal, fmt::format("\"{}\" cannot be the name of an object", name));
}

}  // namespace holdfast::storage
