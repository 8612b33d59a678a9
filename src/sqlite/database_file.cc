#include "sqlite/database_file.h"

#include <sqlite3.h>

#include <algorithm>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kSlice =
    std::size_t{256} * 1024;  // stays in the processor's cache while it is digested
constexpr int kRegionSize = 32768;

}  // namespace

bool DatabaseFile::is_open() const { return file_ != nullptr && file_->pMethods != nullptr; }

std::uint64_t DatabaseFile::size() const {
  sqlite3_int64 size = 0;
  if (const int result = file_->pMethods->xFileSize(file_, &size); result != SQLITE_OK) {
    throw sqlite_error(result, nullptr, "cannot tell the size of the database file");
  }
  return static_cast<std::uint64_t>(size);
}

bool DatabaseFile::read(std::uint64_t offset, MutableByteView out) const {
  bool complete = true;
  while (!out.empty()) {
    const std::size_t size = std::min(out.size(), kSlice);
    const int result = file_->pMethods->xRead(file_, out.data(), static_cast<int>(size),
                                              static_cast<sqlite3_int64>(offset));
    if (result == SQLITE_IOERR_SHORT_READ) {
      complete = false;
    } else if (result != SQLITE_OK) {
      throw sqlite_error(result, nullptr, "cannot read the database file");
    }
    offset += size;
    out = out.subspan(size);
  }
  return complete;
}

bool DatabaseFile::has_moved() const {
  int moved = 0;
  const int result = file_->pMethods->xFileControl(file_, SQLITE_FCNTL_HAS_MOVED, &moved);
  return result == SQLITE_OK && moved != 0;
}

bool DatabaseFile::is_reserved() const {
  int reserved = 0;
  const int result = file_->pMethods->xCheckReservedLock(file_, &reserved);
  return result == SQLITE_OK && reserved != 0;
}

bool DatabaseFile::try_lock(int level) const {
  const int result = file_->pMethods->xLock(file_, level);
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) {
    throw sqlite_error(result, nullptr, "cannot lock the database file");
  }
  return result == SQLITE_OK;
}

void DatabaseFile::unlock(int level) const { file_->pMethods->xUnlock(file_, level); }

const volatile std::uint32_t* DatabaseFile::wal_index_region(int region) const {
  volatile void* memory = nullptr;
  const int result = file_->pMethods->xShmMap(file_, region, kRegionSize, 0, &memory);
  // SQLITE_READONLY comes with a mapping that may be read only, which is all that is wanted.
  if (result != SQLITE_OK && result != SQLITE_READONLY) return nullptr;
  return static_cast<const volatile std::uint32_t*>(memory);
}

void DatabaseFile::wal_index_barrier() const { file_->pMethods->xShmBarrier(file_); }

}  // namespace holdfast::sqlite
