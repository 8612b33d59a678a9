#include "sqlite/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/file_header.h"
#include "sqlite/read_view.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

using std::chrono::milliseconds;

constexpr int kMostQuickMessages = 20;
constexpr PageNumber kRun = 64;
constexpr char kUserTables[] =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE "
    "'\\'";

bool passes(const Error& error) {
  return error.code() == ErrorCode::kDatabaseBusy || error.code() == ErrorCode::kPermissionDenied;
}

FileHeader header_of(const std::filesystem::path& path, milliseconds busy_timeout) {
  const Connection connection(path, Access::kReadOnly, busy_timeout);
  std::array<std::byte, kFileHeaderSize> bytes{};
  connection.file().read(0, bytes);
  return FileHeader::parse(bytes);
}

// Pages beyond the end of the file must be in the log; the source says so when they are not.
void read_beyond(PageSource& source, std::uint64_t file_size) {
  const auto [page_size, page_count] = source.geometry();
  Bytes buffer;
  auto page = static_cast<PageNumber>(file_size / page_size + 1);
  while (page <= page_count) {
    const PageNumber run = std::min(kRun, page_count - page + 1);
    buffer.resize(std::size_t{run} * page_size);
    source.read(page, buffer);
    page += run;
  }
}

PresenceReport look_inside(const std::filesystem::path& path, std::uint64_t size,
                           milliseconds busy_timeout) {
  const ReadView view(path, busy_timeout);
  try {
    if (view.source().journal_mode() == JournalMode::kWal) read_beyond(view.source(), size);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseChanged) throw;
    return {Presence::kCutOff,
            fmt::format("{} has {} bytes, and what is missing is not in its log either",
                        path.string(), size)};
  }
  Statement tables(view.connection(), kUserTables);
  tables.step();
  if (tables.integer(0) == 0) {
    return {Presence::kNoSchema, fmt::format("{} is a database without tables", path.string())};
  }
  return {Presence::kPresent, fmt::format("{} is a database of {} bytes with {} tables",
                                          path.string(), size, tables.integer(0))};
}

PresenceReport look_at_file(const std::filesystem::path& path, const FileStamp& stamp,
                            milliseconds busy_timeout) {
  const FileHeader header = header_of(path, busy_timeout);
  const auto log = FileStamp::of(wal_path(path));
  const bool has_log = log && log->size > 0;
  if (!header.has_magic) {
    return {Presence::kNotADatabase,
            fmt::format("{} does not begin like a SQLite database: it is encrypted, damaged or "
                        "something else",
                        path.string())};
  }
  const std::uint64_t said = std::uint64_t{header.page_size} * header.page_count;
  // A journal may hold what the file lacks, and so may a log.
  if (!has_log && !journal_has_content(path) && stamp.size < std::max<std::uint64_t>(said, 512)) {
    return {Presence::kCutOff, fmt::format("{} has {} bytes, but its header says {}", path.string(),
                                           stamp.size, said)};
  }
  if (header.page_size == 0) {
    return {Presence::kDamaged, fmt::format("{} has an impossible page size", path.string())};
  }
  return look_inside(path, stamp.size, busy_timeout);
}

}  // namespace

std::string_view presence_name(Presence presence) {
  switch (presence) {
    case Presence::kMissing:
      return "missing";
    case Presence::kEmpty:
      return "empty";
    case Presence::kNotADatabase:
      return "not a database";
    case Presence::kCutOff:
      return "cut off";
    case Presence::kDamaged:
      return "damaged";
    case Presence::kNoSchema:
      return "without tables";
    case Presence::kPresent:
      return "present";
  }
  return "";
}

PresenceReport look_at_database(const std::filesystem::path& path, milliseconds busy_timeout) {
  try {
    const auto stamp = FileStamp::of(path);
    if (!stamp) return {Presence::kMissing, fmt::format("{} does not exist", path.string())};
    if (!std::filesystem::is_regular_file(path)) {
      return {Presence::kNotADatabase, fmt::format("{} is not a file", path.string())};
    }
    if (stamp->size > 0) return look_at_file(path, *stamp, busy_timeout);
    const auto log = FileStamp::of(wal_path(path));
    if (!log || log->size == 0)
      return {Presence::kEmpty, fmt::format("{} is empty", path.string())};
    // SQLite would delete that log at its first look.
    return {Presence::kDamaged, fmt::format("{} is empty, but a log of {} bytes lies beside it",
                                            path.string(), log->size)};
  } catch (const Error& error) {
    if (passes(error)) throw;
    if (error.code() == ErrorCode::kDatabaseMissing) return {Presence::kMissing, error.happened()};
    return {Presence::kDamaged, error.happened()};
  }
}

std::vector<std::string> quick_check(const std::filesystem::path& path, milliseconds busy_timeout) {
  std::vector<std::string> messages;
  try {
    const ReadView view(path, busy_timeout);
    Statement check(view.connection(), fmt::format("PRAGMA quick_check({})", kMostQuickMessages));
    while (check.step()) {
      std::string message = check.text(0);
      if (message != "ok") messages.push_back(std::move(message));
    }
  } catch (const Error& error) {
    if (passes(error)) throw;
    messages.push_back(error.happened());
  }
  return messages;
}

std::vector<TablePresence> look_at_tables(const std::filesystem::path& path,
                                          milliseconds busy_timeout) {
  const ReadView view(path, busy_timeout);
  std::vector<TablePresence> tables;
  Statement names(view.connection(), "PRAGMA main.table_list");
  while (names.step()) {
    const std::string name = names.text(1), type = names.text(2);
    if ((type == "table" || type == "shadow") && !name.starts_with("sqlite_")) {
      tables.push_back({.name = name, .empty = true, .shadow = type == "shadow"});
    }
  }
  for (TablePresence& table : tables) {
    Statement probe(view.connection(),
                    fmt::format("SELECT 1 FROM {} LIMIT 1", quoted_name(table.name)));
    table.empty = !probe.step();
  }
  std::ranges::sort(tables, {}, &TablePresence::name);
  return tables;
}

}  // namespace holdfast::sqlite
