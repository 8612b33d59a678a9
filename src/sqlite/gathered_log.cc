#include "sqlite/gathered_log.h"

#include <sqlite3.h>

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

// SQLite's own VFS takes less than 128 KiB at a time.
constexpr std::size_t kMostGathered = std::size_t{124} * 1024;

sqlite3_vfs& usual_vfs() {
  static sqlite3_vfs& usual = *sqlite3_vfs_find(nullptr);
  return usual;
}

// What was written and the system does not have yet: one run of bytes.
struct Gathered {
  std::vector<std::byte> bytes;
  sqlite3_int64 begin = 0;

  sqlite3_int64 end() const { return begin + static_cast<sqlite3_int64>(bytes.size()); }
};

// The usual VFS's file lies behind it. SQLite aligns files to 8 bytes.
struct LogFile {
  sqlite3_file base;
  Gathered* gathered;
};
static_assert(sizeof(LogFile) % 8 == 0 && alignof(LogFile) <= 8);

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<LogFile*>(file) + 1);
}
Gathered& gathered_of(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file)->gathered; }

// What cannot be written is of a transaction that fails by this.
int hand_over(sqlite3_file* file) {
  Gathered& gathered = gathered_of(file);
  if (gathered.bytes.empty()) return SQLITE_OK;
  const int result = real(file)->pMethods->xWrite(
      real(file), gathered.bytes.data(), static_cast<int>(gathered.bytes.size()), gathered.begin);
  gathered.bytes.clear();
  return result;
}

// After what was gathered, the method of the usual file.
template <auto Method, typename... Arguments>
int after_all(sqlite3_file* file, Arguments... arguments) {
  if (const int result = hand_over(file); result != SQLITE_OK) return result;
  return (real(file)->pMethods->*Method)(real(file), arguments...);
}
template <auto Method, typename... Arguments>
int at_once(sqlite3_file* file, Arguments... arguments) {
  return (real(file)->pMethods->*Method)(real(file), arguments...);
}

int write_log(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  Gathered& gathered = gathered_of(file);
  const auto size = static_cast<std::size_t>(amount);
  if (!gathered.bytes.empty() &&
      (offset != gathered.end() || gathered.bytes.size() + size > kMostGathered)) {
    if (const int result = hand_over(file); result != SQLITE_OK) return result;
  }
  if (size > kMostGathered) return real(file)->pMethods->xWrite(real(file), from, amount, offset);
  if (gathered.bytes.empty()) gathered.begin = offset;
  const auto* const bytes = static_cast<const std::byte*>(from);
  gathered.bytes.insert(gathered.bytes.end(), bytes, bytes + size);  // never grows: see open_log
  return SQLITE_OK;
}

int close_log(sqlite3_file* file) {
  const int written = hand_over(file);
  const int closed = real(file)->pMethods->xClose(real(file));
  delete reinterpret_cast<LogFile*>(file)->gathered;
  return written != SQLITE_OK ? written : closed;
}

constexpr sqlite3_io_methods kMethods{
    .iVersion = 1,
    .xClose = close_log,
    .xRead = after_all<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = write_log,
    .xTruncate = after_all<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = after_all<&sqlite3_io_methods::xSync, int>,
    .xFileSize = after_all<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = at_once<&sqlite3_io_methods::xLock, int>,
    .xUnlock = at_once<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = at_once<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = after_all<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = at_once<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = at_once<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

// Nothing may be thrown through SQLite.
int open_log(const char* name, sqlite3_file* file, int flags, int* out_flags) noexcept {
  file->pMethods = nullptr;
  try {
    auto gathered = std::make_unique<Gathered>();
    gathered->bytes.reserve(kMostGathered);
    const int result = usual_vfs().xOpen(&usual_vfs(), name, real(file), flags, out_flags);
    if (result != SQLITE_OK) {
      if (real(file)->pMethods != nullptr) real(file)->pMethods->xClose(real(file));
      return result;
    }
    reinterpret_cast<LogFile*>(file)->gathered = gathered.release();
    file->pMethods = &kMethods;
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  if ((flags & SQLITE_OPEN_WAL) != 0) return open_log(name, file, flags, out_flags);
  return usual_vfs().xOpen(&usual_vfs(), name, file, flags, out_flags);
}

sqlite3_vfs make_gathering_vfs() {
  sqlite3_vfs vfs = usual_vfs();
  vfs.szOsFile += static_cast<int>(sizeof(LogFile));
  vfs.pNext = nullptr;
  vfs.zName = "holdfast-gathered-log";
  vfs.xOpen = open_file;
  return vfs;
}

}  // namespace

const char* gathered_log_vfs() {
  static sqlite3_vfs vfs = make_gathering_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  if (registered != SQLITE_OK) throw Error(ErrorCode::kInternal, "SQLite takes no VFS");
  return vfs.zName;
}

}  // namespace holdfast::sqlite
