// A database file that is read as memory, beside SQLite's own handle of it.
#ifndef HOLDFAST_SQLITE_MAPPABLE_FILE_H_
#define HOLDFAST_SQLITE_MAPPABLE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "env/mapped_range.h"
#include "sqlite/database_file.h"

namespace holdfast::sqlite {

// Opens a descriptor of its own, since SQLite does not tell its; it is closed when that drops no
// lock (open_connections.h).
class MappableFile {
 public:
  // `opened` is what a connection has open at `path`. Where another file stands there, or none that
  // may be read, nothing is ever mapped.
  MappableFile(const std::filesystem::path& path, const DatabaseFile& opened);
  ~MappableFile();
  MappableFile(const MappableFile&) = delete;
  MappableFile& operator=(const MappableFile&) = delete;

  env::MappedRange map(std::uint64_t offset, std::uint64_t most) const;

 private:
  int descriptor_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_MAPPABLE_FILE_H_
