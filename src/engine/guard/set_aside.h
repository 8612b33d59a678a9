// Keeps what is no database, or none any more, when another one takes its place.
#ifndef HOLDFAST_ENGINE_GUARD_SET_ASIDE_H_
#define HOLDFAST_ENGINE_GUARD_SET_ASIDE_H_

#include <vector>

#include "base/time.h"
#include "env/file_system.h"
#include "sqlite/health.h"

namespace holdfast::engine {

// Moves the file away if something can be saved from it, under its name and the time; back again,
// unless it is kept. What lies beside a database (its log) is not touched.
class SetAside {
 public:
  // Throws kDatabaseOpen if another process has it open.
  SetAside(env::FileSystem& files, const env::Path& database, sqlite::Presence presence, Time now);
  ~SetAside();
  SetAside(const SetAside&) = delete;
  SetAside& operator=(const SetAside&) = delete;

  // The new database is there, with the mode and owner of the old one from now on. Where the old
  // one is; nothing, if nothing was moved.
  std::vector<env::Path> keep(const env::Path& successor);

 private:
  env::FileSystem& files_;
  env::Path from_, to_;  // empty: nothing was moved
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_SET_ASIDE_H_
