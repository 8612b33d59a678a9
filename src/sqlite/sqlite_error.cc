#include "sqlite/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>

namespace holdfast::sqlite {
namespace {

ErrorCode code_of_system_error(int error_number, ErrorCode otherwise) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kDatabaseMissing;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kDiskFull;
    default:
      return otherwise;
  }
}

ErrorCode code_of(int result, int error_number) {
  switch (result) {
    case SQLITE_READONLY_ROLLBACK:
      return ErrorCode::kHotJournal;
    case SQLITE_READONLY_DBMOVED:
      return ErrorCode::kDatabaseChanged;
    default:
      break;
  }
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return ErrorCode::kDatabaseBusy;
    case SQLITE_CORRUPT:
      return ErrorCode::kDatabaseDamaged;
    case SQLITE_NOTADB:
      return ErrorCode::kNotADatabase;
    case SQLITE_FULL:
      return ErrorCode::kDiskFull;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      return code_of_system_error(error_number, ErrorCode::kSqlite);
    case SQLITE_IOERR:
      return error_number == ENOSPC ? ErrorCode::kDiskFull : ErrorCode::kIo;
    default:
      return ErrorCode::kSqlite;
  }
}

}  // namespace

Error sqlite_error(int result, sqlite3* connection, std::string_view doing) {
  const int error_number = connection != nullptr ? sqlite3_system_errno(connection) : 0;
  // A connection's message is about its last call only; file operations leave none.
  const bool has_message =
      connection != nullptr && (sqlite3_extended_errcode(connection) & 0xff) == (result & 0xff);
  const char* message = has_message ? sqlite3_errmsg(connection) : sqlite3_errstr(result);
  return Error(code_of(result, error_number), fmt::format("{}: {}", doing, message));
}

}  // namespace holdfast::sqlite
