#include "sqlite/question.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/bytes.h"
#include "base/error.h"
#include "sqlite/read_view.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int kInstructionsBetweenLooks = 10'000;
// Of the many pragmas these only look, whatever their argument is.
constexpr std::array<std::string_view, 16> kHarmlessPragmas = {
    "application_id",  "collation_list", "foreign_key_check", "foreign_key_list",
    "freelist_count",  "index_info",     "index_list",        "index_xinfo",
    "integrity_check", "page_count",     "quick_check",       "schema_version",
    "table_info",      "table_list",     "table_xinfo",       "user_version",
};

// What writes is told by the statement itself; these are the others that do more than read.
int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return SQLITE_DENY;
    case SQLITE_FUNCTION:
      return std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      for (const std::string_view name : kHarmlessPragmas) {
        if (name == first) return SQLITE_OK;
      }
      return SQLITE_DENY;
    default:
      return SQLITE_OK;
  }
}

int is_too_late(void* deadline) {
  return std::chrono::steady_clock::now() > *static_cast<const SteadyTime*>(deadline) ? 1 : 0;
}

Answer answer_of(const Statement& statement) {
  sqlite3_stmt* row = statement.get();
  Answer answer;
  switch (sqlite3_column_type(row, 0)) {
    case SQLITE_INTEGER:
      answer.kind = Answer::Kind::kInteger;
      answer.number = sqlite3_column_double(row, 0);
      break;
    case SQLITE_FLOAT:
      answer.kind = Answer::Kind::kReal;
      answer.number = sqlite3_column_double(row, 0);
      break;
    case SQLITE_NULL:
      answer.kind = Answer::Kind::kNull;
      return answer;
    case SQLITE_BLOB:
      answer.kind = Answer::Kind::kBlob;
      answer.text = to_hex(as_bytes(statement.text(0)));
      return answer;
    default:
      answer.kind = Answer::Kind::kText;
      break;
  }
  answer.text = statement.text(0);
  if (answer.kind == Answer::Kind::kText) {
    const char* end = answer.text.data() + answer.text.size();
    double number = 0;
    const auto [stopped, problem] = std::from_chars(answer.text.data(), end, number);
    if (problem == std::errc() && stopped == end) answer.number = number;
  }
  return answer;
}

}  // namespace

Answer ask(const std::filesystem::path& path, std::string_view sql,
           std::chrono::milliseconds busy_timeout, std::chrono::milliseconds longest) {
  const ReadView view(path, busy_timeout);
  sqlite3* connection = view.connection();
  sqlite3_exec(connection, "PRAGMA query_only = 1", nullptr, nullptr, nullptr);
  sqlite3_set_authorizer(connection, authorize, nullptr);
  SteadyTime deadline = std::chrono::steady_clock::now() + longest;
  sqlite3_progress_handler(connection, kInstructionsBetweenLooks, is_too_late, &deadline);
  try {
    Statement statement = Statement::only(connection, sql);
    if (sqlite3_stmt_readonly(statement.get()) == 0 || sqlite3_column_count(statement.get()) == 0) {
      throw Error(ErrorCode::kSqlite, fmt::format("\"{}\" is not a question", sql));
    }
    return statement.step() ? answer_of(statement) : Answer{};
  } catch (const Error& error) {
    sqlite3_progress_handler(connection, 0, nullptr, nullptr);
    sqlite3_set_authorizer(connection, nullptr, nullptr);
    if (sqlite3_errcode(connection) == SQLITE_INTERRUPT) {
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("\"{}\" took longer than {} s", sql,
                              std::chrono::duration<double>(longest).count()));
    }
    if (error.code() != ErrorCode::kPermissionDenied) throw;
    throw Error(ErrorCode::kSqlite, fmt::format("\"{}\" would do more than read", sql));
  }
}

}  // namespace holdfast::sqlite
