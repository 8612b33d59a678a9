// Which databases a command is about.
#ifndef HOLDFAST_SERVICE_DATABASES_H_
#define HOLDFAST_SERVICE_DATABASES_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/source.h"

namespace holdfast::service {

struct Database {
  std::string name;
  ResolvedSource source;
  bool configured = false;  // otherwise given as a bare path
  // "database app: /volume/app.db, from $APP_DB (the variable is set)"
  std::string sentence() const;
};

// Files that come and go, each a database of its own.
struct DatabasePattern {
  std::string name;   // of what is configured
  env::Path pattern;  // absolute; only the last component has wildcards
};
// The databases of one pattern now, by path; each is called `name`, '/' and the stem of its file.
// Hidden files and SQLite's own beside a database (-wal, -shm, -journal) are none, and nothing in
// a folder that is not there. What cannot be the name of a database is left out.
std::vector<Database> expand_pattern(const DatabasePattern& pattern, const World& world);

Database resolve_database(const DatabaseConfiguration& database, const Configuration& configuration,
                          const World& world);

// Words are names of configured databases, paths, patterns or URLs. A bare path that leads to a
// configured database is that database; otherwise its name is the file's stem, and a pattern's that
// of its folder. No words: the only configured database. Throws kUsage, kDatabaseUnknown, and
// kUnsupported for a database on a PostgreSQL server: there is no file of it to be protected.
struct DatabaseChoice {
  std::vector<Database> databases;  // single files
  std::vector<DatabasePattern> patterns;
};
DatabaseChoice choose_sources(std::span<const std::string> words, bool all,
                              const Configuration& configuration, const World& world);
// A configured database that is on a PostgreSQL server; empty: it is none, or leads nowhere.
std::optional<Database> configured_server(std::string_view name, const Configuration& configuration,
                                          const World& world);
// The same with what is there of each pattern in its place.
std::vector<Database> choose_databases(std::span<const std::string> words, bool all,
                                       const Configuration& configuration, const World& world);
// The same, also with those on a PostgreSQL server, which have no file.
std::vector<Database> choose_all_databases(std::span<const std::string> words, bool all,
                                           const Configuration& configuration, const World& world);

// What is configured for a database of this name: its own section, or that of the pattern it is of.
const DatabaseConfiguration* configuration_of(std::string_view name,
                                              const Configuration& configuration);
// Where a database of this name is configured to be; empty if it is not, or its source leads
// nowhere or to a server. One of a pattern is where the pattern would find it.
std::optional<Database> configured_database(std::string_view name,
                                            const Configuration& configuration, const World& world);

// When the database's file or its log was last written to: not before its last commit, after which
// a checkpoint may come. Empty if neither is there.
std::optional<Time> last_write_time(env::FileSystem& files, const env::Path& database);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_DATABASES_H_
