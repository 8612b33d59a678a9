// What `doctor` says about the SQLite that an application uses.
#ifndef HOLDFAST_SERVICE_LIBRARY_CHECK_H_
#define HOLDFAST_SERVICE_LIBRARY_CHECK_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/file_system.h"
#include "sqlite/library_version.h"

namespace holdfast::service {

struct LibraryUse {
  std::string process;                            // "python3 (pid 812)"
  std::optional<sqlite::LibraryVersion> version;  // empty: built into the program, or not readable
};
// Of the other processes that have the database open, Holdfast's own aside: it only reads.
std::vector<LibraryUse> library_uses(const env::Path& database);

// About the WAL-reset bug and a database in WAL mode. `own` stands for what is not known of the
// application. Empty where nothing speaks for the bug.
std::string wal_reset_warning(const sqlite::LibraryVersion& own, std::span<const LibraryUse> uses);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_LIBRARY_CHECK_H_
