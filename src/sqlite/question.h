// One question in SQL with one answer: invariants of a database.
#ifndef HOLDFAST_SQLITE_QUESTION_H_
#define HOLDFAST_SQLITE_QUESTION_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace holdfast::sqlite {

struct Answer {
  enum class Kind { kNothing, kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNothing;  // no row
  std::string text;            // as SQLite writes it; a blob as hexadecimal digits
  double number = 0;           // of kInteger and kReal, and of text that is one
};

// The first column of the first row of one read-only statement. Throws kSqlite for SQL that fails,
// is several statements, or would write; kDatabaseBusy; kInterrupted after `longest`. The
// question has no ATTACH and loads no extensions; the schema is as trusted as the application
// trusts it.
Answer ask(const std::filesystem::path& path, std::string_view sql,
           std::chrono::milliseconds busy_timeout, std::chrono::milliseconds longest);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_QUESTION_H_
