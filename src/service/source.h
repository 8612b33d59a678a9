// Where a database is: the first entry of its `source` list that hits (A2).
#ifndef HOLDFAST_SERVICE_SOURCE_H_
#define HOLDFAST_SERVICE_SOURCE_H_

#include <span>
#include <string>
#include <string_view>

#include "service/configuration.h"

namespace holdfast::service {

// Of a SQLite database: a path, "sqlite:///x.db" or "sqlite:x.db". As SQLAlchemy has it, three
// slashes begin a relative path and four an absolute one; but where three slashes lead to no file
// and the absolute path does, that one is meant. Throws kUnsupported for postgres://,
// kConfiguration for any other URL.
env::Path parse_source(std::string_view text, const env::Path& base, const World& world);
bool is_url(std::string_view text);

// "tenants/*.db": its last component has '*', '?' or '[', and no file is called just so. It stands
// for all the files that match.
bool is_pattern(const env::Path& path, const World& world);

struct ResolvedSource {
  env::Path path;      // may be a pattern; empty for PostgreSQL
  std::string entry;   // "$APP_DB", as it was written
  std::string reason;  // "the variable is set"
  bool found = false;  // the file is there
  // Of a PostgreSQL database, with the password that may be in it: for postgres::Address alone.
  std::string url = {};

  std::string place() const;  // for people: the path, or the URL without its password
};

// "$VAR" or "${VAR}" hits if the variable is set and not empty, whatever it leads to: a database
// that was wiped must not make Holdfast protect another one instead. A path hits if the file is
// there, the URL of a PostgreSQL database always. If nothing hits, the last entry is taken. Values
// of variables are relative to the working directory, as they are for the application; paths to
// `base`.
ResolvedSource resolve_source(std::span<const std::string> entries, const env::Path& base,
                              const World& world);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SOURCE_H_
