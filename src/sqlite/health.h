// What is at the path of a database, and whether it looks like the one that should be there.
#ifndef HOLDFAST_SQLITE_HEALTH_H_
#define HOLDFAST_SQLITE_HEALTH_H_

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sqlite {

enum class Presence {
  kMissing,       // no file; or a directory is missing
  kEmpty,         // zero bytes, and no log with content
  kNotADatabase,  // something else
  kCutOff,        // shorter than its header says
  kDamaged,       // SQLite refuses it, or its schema cannot be read
  kNoSchema,      // a database without tables
  kPresent,       // it opens, and its schema can be read
};
std::string_view presence_name(Presence presence);
// All but kPresent count as "not there": a history may be put in their place.
inline bool is_there(Presence presence) { return presence == Presence::kPresent; }

struct PresenceReport {
  Presence presence = Presence::kMissing;
  std::string detail;  // one sentence about it, greppable
};
// Reads the header, the schema and the size, not the content: it costs the same for every size. A
// hot journal and a log are played by SQLite as for any reader that opens the database. Throws only
// kDatabaseBusy and kPermissionDenied.
PresenceReport look_at_database(const std::filesystem::path& path,
                                std::chrono::milliseconds busy_timeout);

// SQLite's quick_check; at most 20 messages, empty when all is well. One read of the file.
std::vector<std::string> quick_check(const std::filesystem::path& path,
                                     std::chrono::milliseconds busy_timeout);

// Tables of the user that have no row at all; a probe each, not a count.
struct TablePresence {
  std::string name;
  bool empty = true;
  bool shadow = false;  // of a virtual table: it has rows though that is empty
};
std::vector<TablePresence> look_at_tables(const std::filesystem::path& path,
                                          std::chrono::milliseconds busy_timeout);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_HEALTH_H_
