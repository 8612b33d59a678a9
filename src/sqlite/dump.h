// A dump (SQL text, as `sqlite3 FILE .dump` writes it) as a database again.
#ifndef HOLDFAST_SQLITE_DUMP_H_
#define HOLDFAST_SQLITE_DUMP_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"

namespace holdfast::sqlite {

struct DumpReport {
  std::uint64_t statements = 0, failed = 0;
  std::vector<std::string> reasons;  // of the first that failed
  bool complete = true;              // false: the text is cut off within a statement
};

struct DumpLimits {
  std::uint64_t database_bytes = std::uint64_t{64} << 30;
  std::uint64_t instructions = 10'000'000'000;  // of SQLite's machine, beside what the text's size
                                                // allows
};

// Calls `piece` with the text in pieces until it answers false.
using DumpText = std::function<void(const std::function<bool(std::string_view)>& piece)>;

// Runs the text in a new database at `target`, which must exist and be empty, under an authorizer:
// it can make tables and rows in it, and nothing else: no other file, extension or virtual table. A
// statement that fails, or is not allowed, is left out. Throws kInterrupted, kDiskFull, kIo, and
// kRecordInvalid for a text that wants more than the limits.
DumpReport load_dump(const DumpText& text, const std::filesystem::path& target,
                     const DumpLimits& limits, Progress& progress);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_DUMP_H_
