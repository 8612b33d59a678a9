#ifndef HOLDFAST_SQLITE_INTEGRITY_H_
#define HOLDFAST_SQLITE_INTEGRITY_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::sqlite {

// SQLite's own integrity_check and foreign_key_check of a database that nobody else uses (a
// restored copy). Empty when it found nothing; at most 100 messages. Never throws for damage: what
// cannot be opened is a message.
std::vector<std::string> check_integrity(const std::filesystem::path& path);

struct TableRows {
  std::string name;
  std::uint64_t rows = 0;
};
struct Examination {
  std::vector<std::string> problems;          // integrity_check's, or why nothing can be read
  std::vector<std::string> loose_references;  // foreign_key_check's
  std::vector<TableRows> tables;              // of the user, by name; empty if there are problems
};
// The same of a database that others may use meanwhile, as of one committed state; at most 100
// messages each. What keeps it from being opened as a database is a problem. Throws kDatabaseBusy,
// kPermissionDenied.
Examination examine(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_INTEGRITY_H_
