#include "service/library_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "env/host.h"

namespace holdfast::service {
namespace {

std::optional<sqlite::LibraryVersion> version_used_by(std::int64_t pid) {
  std::optional<sqlite::LibraryVersion> oldest;
  for (const env::Path& library : env::mapped_files(pid, "libsqlite3.so")) {
    const auto version = sqlite::version_of_library(library);
    if (version && (!oldest || *version < *oldest)) oldest = version;
  }
  return oldest;
}

std::string sentence(const std::string& who) {
  return who +
         ", which has the WAL-reset bug: two connections that write or checkpoint at the very same "
         "instant can, rarely, damage a database in WAL mode. Use SQLite 3.51.3 or later (or "
         "3.50.7 or 3.44.6), unless your distribution has repaired its own; until then let one "
         "connection do all the writing. https://sqlite.org/wal.html#walresetbug";
}

}  // namespace

std::vector<LibraryUse> library_uses(const env::Path& database) {
  std::vector<LibraryUse> uses;
  for (const env::FileUser& user : env::users_of(database)) {
    if (user.command == "holdfast") continue;
    uses.push_back({.process = fmt::format("{} (pid {})", user.command, user.pid),
                    .version = version_used_by(user.pid)});
  }
  return uses;
}

std::string wal_reset_warning(const sqlite::LibraryVersion& own, std::span<const LibraryUse> uses) {
  std::vector<std::string> affected;
  for (const LibraryUse& use : uses) {
    if (!use.version || !sqlite::has_wal_reset_bug(*use.version)) continue;
    affected.push_back(fmt::format("{} uses SQLite {}", use.process, use.version->text()));
  }
  if (!affected.empty()) return sentence(fmt::format("{}", fmt::join(affected, ", ")));
  const bool all_known = !uses.empty() && std::ranges::all_of(uses, [](const LibraryUse& use) {
    return use.version.has_value();
  });
  if (all_known || !sqlite::has_wal_reset_bug(own)) return {};
  return sentence(fmt::format(
      "{}; Holdfast itself uses SQLite {}, and the application perhaps the same",
      uses.empty() ? "nobody has the database open, so that its SQLite is not known"
                   : fmt::format("which SQLite {} uses cannot be told", uses.front().process),
      own.text()));
}

}  // namespace holdfast::service
