// Which SQLite a program uses, and the one defect of old versions that can damage a database.
#ifndef HOLDFAST_SQLITE_LIBRARY_VERSION_H_
#define HOLDFAST_SQLITE_LIBRARY_VERSION_H_

#include <compare>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::sqlite {

struct LibraryVersion {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const LibraryVersion&) const = default;
  std::string text() const;
};

std::optional<LibraryVersion> parse_version(std::string_view text);  // "3.40.1"
LibraryVersion linked_version();                                     // of this process
// The version that a library's image says it is; nothing of it is run. Empty where it says none, or
// several.
std::optional<LibraryVersion> version_in(ByteView image);
// Empty also where the file cannot be read.
std::optional<LibraryVersion> version_of_library(const std::filesystem::path& file);

// https://sqlite.org/wal.html#walresetbug: from 3.7.0 on, two connections that write or checkpoint
// at the same instant can damage a database in WAL mode. Repaired in 3.51.3, 3.50.7 and 3.44.6; a
// distribution may have repaired others without changing their version.
bool has_wal_reset_bug(const LibraryVersion& version);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_LIBRARY_VERSION_H_
