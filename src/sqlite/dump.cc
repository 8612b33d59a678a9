#include "sqlite/dump.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/harmless_functions.h"
#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kMostDumpReasons = 5, kLongestStatement = std::size_t{1} << 29;
constexpr std::uint64_t kInstructionsPerByte = 1000;
constexpr int kInstructionsPerLook = 100'000;

// Where statements end, as far as quotes and comments tell: sqlite3_complete(), which reads a
// statement from its beginning, is asked only there.
class StatementEnds {
 public:
  // How many bytes of `text` go to the present statement; `ends`: up to a semicolon.
  std::size_t find(std::string_view text, bool& ends) {
    ends = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quote_ != '\0') {
        if (quote_ == '-' ? c == '\n' : quote_ == '*' ? (before_ == '*' && c == '/') : c == quote_)
          quote_ = '\0';
      } else if (c == '\'' || c == '"' || c == '`') {
        quote_ = c;
      } else if (c == '[') {
        quote_ = ']';
      } else if (c == '-' && before_ == '-') {
        quote_ = '-';
      } else if (c == '*' && before_ == '/') {
        quote_ = '*';
        before_ = '\0';
        continue;
      } else if (c == ';') {
        ends = true;
        before_ = '\0';
        return i + 1;
      }
      before_ = c;
    }
    return text.size();
  }

 private:
  char quote_ = '\0', before_ = '\0';
};

class DumpTarget {
 public:
  DumpTarget(const std::filesystem::path& path, const DumpLimits& limits, Progress& progress)
      : progress_(progress),
        allowed_(limits.instructions),
        connection_(path, Access::kReadWrite, std::chrono::milliseconds(0)),
        functions_(connection_.get()) {
    sqlite3* db = connection_.get();
    for (const int off : {SQLITE_DBCONFIG_ENABLE_FKEY, SQLITE_DBCONFIG_ENABLE_TRIGGER}) {
      sqlite3_db_config(db, off, 0, nullptr);
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    constexpr std::uint64_t kPageSize = 4096;
    connection_.execute(
        fmt::format("PRAGMA page_size={};PRAGMA journal_mode=MEMORY;"
                    "PRAGMA synchronous=OFF;PRAGMA locking_mode=EXCLUSIVE;"
                    "PRAGMA temp_store=MEMORY;PRAGMA max_page_count={}",
                    kPageSize,
                    std::min(limits.database_bytes / kPageSize, std::uint64_t{4'294'967'294}))
            .c_str());
    sqlite3_set_authorizer(db, &DumpTarget::authorize, this);
    sqlite3_progress_handler(db, kInstructionsPerLook, &DumpTarget::go_on, this);
  }

  void run(const std::string& sql, DumpReport& report) {
    const char* rest = sql.c_str();
    allowed_ += sql.size() * kInstructionsPerByte;
    while (*rest != '\0') {
      sqlite3_stmt* statement = nullptr;
      harmless_ = false;
      int result = sqlite3_prepare_v2(connection_.get(), rest, -1, &statement, &rest);
      if (result == SQLITE_OK && statement == nullptr) continue;  // blanks, a comment
      if (result == SQLITE_OK) {
        while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        }
      }
      const Error error = sqlite_error(result, connection_.get(), "the dump");
      sqlite3_finalize(statement);
      progress_.advance(0);
      if (result == SQLITE_DONE) {
        ++report.statements;
        continue;
      }
      judge(error, report);
      return;
    }
  }

  void finish() {
    sqlite3_set_authorizer(connection_.get(), nullptr, nullptr);
    if (connection_.in_transaction()) connection_.execute("COMMIT");
  }

 private:
  void judge(const Error& error, DumpReport& report) {
    if (used_ > allowed_) {
      throw Error(ErrorCode::kRecordInvalid, "the dump computes more than rows");
    }
    if (sqlite3_errcode(connection_.get()) == SQLITE_FULL || error.code() == ErrorCode::kDiskFull) {
      throw Error(
          ErrorCode::kDiskFull,
          fmt::format("{}, or the dump makes more of itself than is allowed", error.happened()));
    }
    if (error.code() == ErrorCode::kIo) throw error;
    if (harmless_) return;
    ++report.failed;
    if (report.reasons.size() < kMostDumpReasons) report.reasons.push_back(error.happened());
  }

  static int go_on(void* self) {
    auto& target = *static_cast<DumpTarget*>(self);
    target.used_ += kInstructionsPerLook;
    if (target.used_ > target.allowed_) return 1;
    try {
      target.progress_.advance(0);
      return 0;
    } catch (const Error&) {
      return 1;  // the same is thrown where the statement was run
    }
  }

  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*) {
    auto& target = *static_cast<DumpTarget*>(self);
    const std::string_view name = first == nullptr ? "" : first;
    switch (action) {
      case SQLITE_FUNCTION:
        return target.functions_.contains(second == nullptr ? "" : second) ? SQLITE_OK
                                                                           : SQLITE_DENY;
      case SQLITE_PRAGMA:
        // Dumps begin with foreign_keys=OFF; with virtual tables they write the schema themselves.
        if (name == "foreign_keys" || name == "user_version" || name == "encoding") {
          return SQLITE_OK;
        }
        target.harmless_ = true;
        return SQLITE_DENY;
      case SQLITE_INSERT:
      case SQLITE_UPDATE:
      case SQLITE_DELETE:
      case SQLITE_READ:
      case SQLITE_SELECT:
      case SQLITE_RECURSIVE:
      case SQLITE_TRANSACTION:
      case SQLITE_SAVEPOINT:
      case SQLITE_CREATE_TABLE:
      case SQLITE_CREATE_INDEX:
      case SQLITE_CREATE_TRIGGER:
      case SQLITE_CREATE_VIEW:
      case SQLITE_DROP_TABLE:
      case SQLITE_DROP_INDEX:
      case SQLITE_DROP_TRIGGER:
      case SQLITE_DROP_VIEW:
      case SQLITE_ALTER_TABLE:
      case SQLITE_REINDEX:
      case SQLITE_ANALYZE:
        return SQLITE_OK;
      case SQLITE_CREATE_VTABLE:
        target.harmless_ = true;  // its content is in tables of their own
        return SQLITE_DENY;
      default:
        return SQLITE_DENY;
    }
  }

  Progress& progress_;
  std::uint64_t allowed_, used_ = 0;
  bool harmless_ = false;
  Connection connection_;
  const HarmlessFunctions functions_;
};

bool is_only_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

DumpReport load_dump(const DumpText& text, const std::filesystem::path& target,
                     const DumpLimits& limits, Progress& progress) {
  DumpTarget made(target, limits, progress);
  DumpReport report;
  StatementEnds ends;
  std::string statement;
  text([&](std::string_view piece) {
    progress.advance(piece.size());
    while (!piece.empty()) {
      bool ended = false;
      const std::size_t taken = ends.find(piece, ended);
      statement.append(piece.substr(0, taken));
      piece.remove_prefix(taken);
      if (statement.size() > kLongestStatement) {
        throw Error(ErrorCode::kRecordInvalid, "a statement of the dump is longer than 512 MB");
      }
      // A trigger goes on behind its semicolons.
      if (!ended || sqlite3_complete(statement.c_str()) == 0) continue;
      made.run(statement, report);
      statement.clear();
    }
    return true;
  });
  report.complete = is_only_blank(statement);
  made.finish();
  return report;
}

}  // namespace holdfast::sqlite
