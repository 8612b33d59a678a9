#include "sqlite/library_version.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <charconv>

#include "base/error.h"
#include "env/file_system.h"

namespace holdfast::sqlite {

std::string LibraryVersion::text() const { return fmt::format("{}.{}.{}", major, minor, patch); }

std::optional<LibraryVersion> parse_version(std::string_view text) {
  std::array<int, 3> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto [next, problem] = std::from_chars(at, end, numbers[i]);
    if (problem != std::errc{} || numbers[i] < 0) return std::nullopt;
    at = next;
  }
  if (at != end) return std::nullopt;
  return LibraryVersion{.major = numbers[0], .minor = numbers[1], .patch = numbers[2]};
}

LibraryVersion linked_version() { return parse_version(sqlite3_libversion()).value(); }

std::optional<LibraryVersion> version_in(ByteView image) {
  // sqlite3_version[] is a string of its own, with a zero on both sides.
  constexpr std::string_view kStart(
      "\0"
      "3.",
      3);
  constexpr std::size_t kLongest = 12;
  const std::string_view content = as_text(image);
  std::optional<LibraryVersion> found;
  for (auto at = content.find(kStart); at != std::string_view::npos;
       at = content.find(kStart, at + 1)) {
    const std::string_view from = content.substr(at + 1, kLongest);
    const auto end = from.find('\0');
    if (end == std::string_view::npos) continue;
    const auto version = parse_version(from.substr(0, end));
    if (!version) continue;
    if (found && *found != *version) return std::nullopt;
    found = version;
  }
  return found;
}

std::optional<LibraryVersion> version_of_library(const std::filesystem::path& file) {
  try {
    return version_in(env::read_file(env::posix_file_system(), file));
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool has_wal_reset_bug(const LibraryVersion& version) {
  constexpr LibraryVersion kFirst{3, 7, 0}, kRepaired{3, 51, 3};
  constexpr std::array kRepairedBranches = {LibraryVersion{3, 50, 7}, LibraryVersion{3, 44, 6}};
  if (version < kFirst || version >= kRepaired) return false;
  for (const LibraryVersion& branch : kRepairedBranches) {
    if (version.minor == branch.minor && version >= branch) return false;
  }
  return true;
}

}  // namespace holdfast::sqlite
