// The first hundred bytes of a database file (https://sqlite.org/fileformat2.html, section 1.3).
#ifndef HOLDFAST_SQLITE_FILE_HEADER_H_
#define HOLDFAST_SQLITE_FILE_HEADER_H_

#include <cstdint>

#include "base/bytes.h"
#include "sqlite/record.h"

namespace holdfast::sqlite {

inline constexpr std::size_t kFileHeaderSize = 100;
// Never used by SQLite for content: the page that holds the byte at 1 GiB carries the file locks.
inline constexpr std::uint64_t kLockByteOffset = 0x40000000;

struct FileHeader {
  bool has_magic = false;
  std::uint32_t page_size = 0;  // 0 unless a power of two from 512 to 65536
  bool says_wal = false;
  std::uint32_t change_counter = 0;
  std::uint32_t page_count = 0;      // 0 where a writer older than SQLite 3.7 left it unset
  std::uint32_t reserved_bytes = 0;  // at the end of each page, for extensions
  TextEncoding encoding = TextEncoding::kUtf8;
  std::uint32_t first_freelist_trunk = 0, freelist_pages = 0;

  // Needs kFileHeaderSize bytes.
  static FileHeader parse(ByteView bytes);
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_FILE_HEADER_H_
