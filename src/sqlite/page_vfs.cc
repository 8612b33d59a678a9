#include "sqlite/page_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kFormatOffset = 18;  // two bytes of the header: 2 where there is a log

struct Readers {
  std::mutex mutex;
  std::map<std::string, PageReader*> by_name;
  std::uint64_t next = 0;
};
Readers& readers() {
  static Readers all;
  return all;
}

struct PageFile {
  sqlite3_file base;
  PageReader* reader;
};
PageReader& reader_of(sqlite3_file* file) { return *reinterpret_cast<PageFile*>(file)->reader; }

std::uint64_t size_of(const PageReader& reader) {
  const Geometry geometry = reader.geometry();
  return std::uint64_t{geometry.page_size} * geometry.page_count;
}

void read_bytes(PageReader& reader, std::uint64_t offset, MutableByteView out) {
  const std::size_t page_size = reader.geometry().page_size;
  if (offset % page_size == 0 && out.size() % page_size == 0) {
    reader.read(static_cast<PageNumber>(offset / page_size + 1), out);
    return;
  }
  Bytes page(page_size);
  while (!out.empty()) {
    const std::size_t at = offset % page_size;
    const std::size_t part = std::min(out.size(), page_size - at);
    reader.read(static_cast<PageNumber>(offset / page_size + 1), page);
    std::memcpy(out.data(), page.data() + at, part);
    out = out.subspan(part);
    offset += part;
  }
}

// There is no log: what it held is in the pages.
void forget_log(std::uint64_t offset, MutableByteView out) {
  for (std::size_t at = kFormatOffset; at < kFormatOffset + 2; ++at) {
    if (offset > at || at - offset >= out.size()) continue;
    std::byte& format = out[at - offset];
    if (format == std::byte{2}) format = std::byte{1};
  }
}

// Nothing may be thrown through SQLite. Who reads on the reader's behalf remembers why it failed.
int read_file(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) noexcept {
  try {
    PageReader& reader = reader_of(file);
    const auto begin = static_cast<std::uint64_t>(offset);
    const MutableByteView out(static_cast<std::byte*>(to), static_cast<std::size_t>(amount));
    const std::uint64_t size = size_of(reader);
    const auto there = static_cast<std::size_t>(
        begin >= size ? 0 : std::min<std::uint64_t>(size - begin, out.size()));
    read_bytes(reader, begin, out.first(there));
    forget_log(begin, out.first(there));
    if (there == out.size()) return SQLITE_OK;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), std::byte{0});
    return SQLITE_IOERR_SHORT_READ;
  } catch (...) {
    return SQLITE_IOERR_READ;
  }
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(size_of(reader_of(file)));
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods{
    .iVersion = 1,
    .xClose = [](sqlite3_file*) { return SQLITE_OK; },
    .xRead = read_file,
    .xWrite = [](sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; },
    .xTruncate = [](sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; },
    .xSync = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xFileSize = file_size,
    .xLock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xCheckReservedLock =
        [](sqlite3_file*, int* reserved) {
          *reserved = 0;
          return SQLITE_OK;
        },
    .xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    .xSectorSize = [](sqlite3_file*) { return 4096; },
    .xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_IMMUTABLE; },
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  if (name == nullptr) return SQLITE_CANTOPEN;  // nothing here needs a temporary file
  Readers& all = readers();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_name.find(name);
  if (found == all.by_name.end()) return SQLITE_CANTOPEN;
  reinterpret_cast<PageFile*>(file)->reader = found->second;
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

// Clock and randomness are those of the usual VFS.
sqlite3_vfs make_vfs() {
  sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(PageFile);
  vfs.pNext = nullptr;
  vfs.zName = kPageVfs;
  vfs.xOpen = open_file;
  vfs.xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_READONLY; };
  vfs.xAccess = [](sqlite3_vfs*, const char*, int, int* there) {
    *there = 0;
    return SQLITE_OK;
  };
  vfs.xFullPathname = full_path;
  return vfs;
}

void register_vfs() {
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  if (registered != SQLITE_OK) throw Error(ErrorCode::kInternal, "SQLite takes no VFS");
}

}  // namespace

PageVfsName::PageVfsName(PageReader& reader) {
  register_vfs();
  Readers& all = readers();
  const std::lock_guard lock(all.mutex);
  name_ = fmt::format("/pages-{}", all.next++);
  all.by_name.emplace(name_, &reader);
}

PageVfsName::~PageVfsName() {
  Readers& all = readers();
  const std::lock_guard lock(all.mutex);
  all.by_name.erase(name_);
}

}  // namespace holdfast::sqlite
