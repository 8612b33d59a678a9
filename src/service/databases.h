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

Database resolve_database(const DatabaseConfiguration& database, const Configuration& configuration,
                          const World& world);

// Words are names of configured databases, paths or URLs. A bare path that leads to a configured
// database is that database; otherwise its name is the file's stem. No words: the only configured
// database. Throws kUsage, kDatabaseUnknown.
std::vector<Database> choose_databases(std::span<const std::string> words, bool all,
                                       const Configuration& configuration, const World& world);

// Where a database of this name is configured to be; empty if it is not, or its source leads
// nowhere.
std::optional<Database> configured_database(std::string_view name,
                                            const Configuration& configuration, const World& world);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_DATABASES_H_
