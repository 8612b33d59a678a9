#include "service/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "env/host.h"
#include "env/user.h"

namespace holdfast::service {
namespace {

bool is_plain(unsigned char letter) {
  return std::isalnum(letter) != 0 ||
         std::string_view("_@%+=:,./-").find(static_cast<char>(letter)) != std::string_view::npos;
}

}  // namespace

void record(Session& session, std::string_view operation, std::string_view result,
            std::string detail, const std::vector<repository::LogEntry>& forgotten) {
  try {
    repository::LogEntry entry;
    entry.time = session.world().clock.now();
    entry.host = env::this_process().host;
    entry.user = env::user_name();
    entry.command = session.command();
    entry.operation = operation;
    entry.result = result;
    entry.detail = std::move(detail);
    repository::record(session.repository(), entry, forgotten);
  } catch (const Error& error) {
    session.progress().warning(
        fmt::format("this could not be written to the log: {}", error.happened()));
  }
}

void record_failure(Session& session, std::string_view operation, const Error& error) {
  if (!session.is_open()) return;
  switch (error.code()) {
    case ErrorCode::kUsage:
    case ErrorCode::kConfiguration:
    case ErrorCode::kConfirmationNeeded:
    case ErrorCode::kSnapshotMissing:
    case ErrorCode::kSnapshotAmbiguous:
      return;
    default:
      record(session, operation, error.name(), error.happened());
  }
}

std::string shell_quoted(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && std::ranges::all_of(argument, is_plain)) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char letter : argument)
      line += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    line += '\'';
  }
  return line;
}

}  // namespace holdfast::service
