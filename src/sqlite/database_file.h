// A file as SQLite's own VFS has it open.
//
// Closing any descriptor of a file drops all POSIX locks that this process holds on it, SQLite's
// too. So a database is never opened beside SQLite: its bytes come through the handle that SQLite
// has.
#ifndef HOLDFAST_SQLITE_DATABASE_FILE_H_
#define HOLDFAST_SQLITE_DATABASE_FILE_H_

#include <cstdint>

#include "base/bytes.h"

struct sqlite3_file;

namespace holdfast::sqlite {

// Belongs to its connection and must not outlive it. read() and size() may be called from several
// threads at once: SQLite's unix VFS reads with pread.
class DatabaseFile {
 public:
  DatabaseFile() = default;
  explicit DatabaseFile(sqlite3_file* file) : file_(file) {}

  bool is_open() const;
  std::uint64_t size() const;
  // Fills `out`; what lies beyond the end of the file is zeroed, and the answer is then false.
  bool read(std::uint64_t offset, MutableByteView out) const;

  // Whether the path leads to another file, or to none, by now.
  bool has_moved() const;
  // Whether some process is about to write, and so owns the rollback journal that exists.
  bool is_reserved() const;
  // Takes SQLITE_LOCK_SHARED, _RESERVED or _EXCLUSIVE; false while another holds it back.
  bool try_lock(int level) const;
  void unlock(int level) const;

  // A region of 32 KiB of the wal-index; null where there is none yet, or none that can be shared.
  const volatile std::uint32_t* wal_index_region(int region) const;
  // Keeps reads of the wal-index before the call before it, and those after it after.
  void wal_index_barrier() const;

 private:
  sqlite3_file* file_ = nullptr;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_DATABASE_FILE_H_
