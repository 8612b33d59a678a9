// The files that SQLite keeps beside a database.
#ifndef HOLDFAST_SQLITE_COMPANION_FILES_H_
#define HOLDFAST_SQLITE_COMPANION_FILES_H_

#include <cstdint>
#include <filesystem>
#include <optional>

namespace holdfast::sqlite {

std::filesystem::path wal_path(const std::filesystem::path& database);
std::filesystem::path shm_path(const std::filesystem::path& database);
std::filesystem::path journal_path(const std::filesystem::path& database);
// What Holdfast keeps there instead of in the database; see RowStoreOptions.
std::filesystem::path own_tables_path(const std::filesystem::path& database);

// Size, modification time and identity: what can be known of a file without opening it.
struct FileStamp {
  std::uint64_t size = 0, inode = 0, device = 0;
  std::int64_t modified = 0;  // nanoseconds
  bool operator==(const FileStamp&) const = default;

  // Empty if there is nothing at `path`. Throws kPermissionDenied where that cannot be told.
  static std::optional<FileStamp> of(const std::filesystem::path& path);
};

// Whether there is a rollback journal that begins like one to be played back. Somebody may be
// writing it still.
bool journal_has_content(const std::filesystem::path& database);
// Whether this process may write `path` itself.
bool is_writable(const std::filesystem::path& path);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_COMPANION_FILES_H_
