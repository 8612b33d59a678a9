#ifndef HOLDFAST_SQLITE_INTEGRITY_H_
#define HOLDFAST_SQLITE_INTEGRITY_H_

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::sqlite {

// SQLite's own integrity_check and foreign_key_check of a database that nobody else uses (a
// restored copy). Empty when it found nothing; at most 100 messages. Never throws for damage: what
// cannot be opened is a message.
std::vector<std::string> check_integrity(const std::filesystem::path& path);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_INTEGRITY_H_
