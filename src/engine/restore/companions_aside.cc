#include "engine/restore/companions_aside.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::engine {
namespace {

constexpr std::array<std::string_view, 3> kCompanions = {"-wal", "-shm", "-journal"};

}  // namespace

void CompanionsAside::move(Time now) {
  const std::string suffix = ".before-restore-" + format_compact(now);
  for (const std::string_view companion : kCompanions) {
    const env::Path file = target_.string() + std::string(companion);
    if (!files_.status(file)) continue;
    const env::Path aside = file.string() + suffix;
    files_.rename(file, aside);
    moved_.emplace_back(file, aside);
  }
  if (!moved_.empty()) files_.sync_directory(target_.parent_path());
}

void CompanionsAside::put_back() {
  for (const auto& [file, aside] : moved_) {
    try {
      files_.rename_new(aside, file);
    } catch (const Error&) {
      // It stays beside under its other name.
    }
  }
}

std::vector<env::Path> CompanionsAside::leave(bool merged) {
  std::vector<env::Path> left;
  for (const auto& [file, aside] : moved_) {
    try {
      if (merged) {
        files_.remove(aside);
        continue;
      }
    } catch (const Error&) {
    }
    left.push_back(aside);
  }
  return left;
}

}  // namespace holdfast::engine
