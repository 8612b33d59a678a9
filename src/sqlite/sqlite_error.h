// Where SQLite's result codes become holdfast::Error.
#ifndef HOLDFAST_SQLITE_SQLITE_ERROR_H_
#define HOLDFAST_SQLITE_SQLITE_ERROR_H_

#include <string_view>

#include "base/error.h"

struct sqlite3;

namespace holdfast::sqlite {

// For `result`, an (extended) result code: "<doing>: <what SQLite says>". `connection` may be null;
// where it is given, its last message and its last errno make the error more precise.
Error sqlite_error(int result, sqlite3* connection, std::string_view doing);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SQLITE_ERROR_H_
