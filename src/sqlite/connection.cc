#include "sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>
#include <string_view>

#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

std::string file_uri(const std::string& path, std::string_view query) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return fmt::format("{}?{}", uri, query);
}

int open_flags(Access access) {
  switch (access) {
    case Access::kReadWrite:
      return SQLITE_OPEN_READWRITE;
    case Access::kCreate:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case Access::kReadOnly:
    case Access::kImmutable:
      break;
  }
  return SQLITE_OPEN_READONLY;
}

}  // namespace

void Connection::Closer::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Connection::Connection(const std::filesystem::path& path, Access access,
                       std::chrono::milliseconds busy_timeout, const char* vfs) {
  // Absolute, so that no name is ever taken for a URI.
  std::string name = std::filesystem::absolute(path).string();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | open_flags(access);
  if (access == Access::kImmutable) {
    flags |= SQLITE_OPEN_URI;
    name = file_uri(name, "immutable=1");
  }
  open(name, flags, vfs);
  sqlite3_busy_timeout(get(), static_cast<int>(busy_timeout.count()));
}

Connection::Connection(const std::string& name, const char* vfs) {
  open(name, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_READONLY, vfs);
}

void Connection::open(const std::string& name, int flags, const char* vfs) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(name.c_str(), &handle, flags, vfs);
  handle_.reset(handle);
  if (result != SQLITE_OK) {
    throw sqlite_error(result, handle, fmt::format("cannot open {}", name));
  }
  sqlite3_extended_result_codes(handle, 1);
  checkpoint_on_close(false);
  sqlite3_int64 no_mapping = 0;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_MMAP_SIZE, &no_mapping);
}

void Connection::execute(const char* sql) const {
  if (const int result = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr); result != SQLITE_OK) {
    throw sqlite_error(result, get(), fmt::format("{} on {}", sql, resolved_path().string()));
  }
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(get()) == 0; }

std::filesystem::path Connection::resolved_path() const {
  return sqlite3_db_filename(get(), "main");
}

DatabaseFile Connection::file() const {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(get(), "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
  return DatabaseFile(file);
}

DatabaseFile Connection::journal() const {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&file));
  return DatabaseFile(file);
}

void Connection::checkpoint_on_close(bool wanted) const {
  sqlite3_db_config(get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

}  // namespace holdfast::sqlite
