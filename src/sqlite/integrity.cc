#include "sqlite/integrity.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kMostMessages = 100;

// Without a log there is nothing to lock and nothing to leave behind.
Access access_to(const std::filesystem::path& path) {
  const auto log = FileStamp::of(wal_path(path));
  const bool alone = (!log || log->size == 0) && !journal_has_content(path);
  return alone ? Access::kImmutable : Access::kReadWrite;
}

void check_structure(const Connection& connection, std::vector<std::string>& messages) {
  Statement check(connection.get(), fmt::format("PRAGMA integrity_check({})", kMostMessages));
  while (check.step() && messages.size() < kMostMessages) {
    std::string message = check.text(0);
    if (message != "ok") messages.push_back(std::move(message));
  }
}

void check_foreign_keys(const Connection& connection, std::vector<std::string>& messages) {
  Statement check(connection.get(), "PRAGMA foreign_key_check");
  while (messages.size() < kMostMessages && check.step()) {
    const std::string row = check.is_null(1) ? "a row" : fmt::format("row {}", check.integer(1));
    messages.push_back(
        fmt::format("{} of {} refers to a missing row of {}", row, check.text(0), check.text(2)));
  }
}

}  // namespace

std::vector<std::string> check_integrity(const std::filesystem::path& path) {
  std::vector<std::string> messages;
  try {
    const Connection connection(path, access_to(path), std::chrono::seconds(10));
    if (connection.file().size() == 0) return {"the file is empty"};
    check_structure(connection, messages);
    check_foreign_keys(connection, messages);
  } catch (const Error& error) {
    if (messages.size() < kMostMessages) messages.push_back(error.happened());
  }
  return messages;
}

}  // namespace holdfast::sqlite
