// The files beside a database that is being replaced, moved out of the way.
#ifndef HOLDFAST_ENGINE_RESTORE_COMPANIONS_ASIDE_H_
#define HOLDFAST_ENGINE_RESTORE_COMPANIONS_ASIDE_H_

#include <utility>
#include <vector>

#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::engine {

// A -wal or -journal without its database would be played into the restored one.
class CompanionsAside {
 public:
  CompanionsAside(env::FileSystem& files, env::Path target)
      : files_(files), target_(std::move(target)) {}

  // Durable when it returns. When it throws, some may have been moved.
  void move(Time now);
  // The database stays after all: whoever has it open goes on with them.
  void put_back();
  // The database was replaced. Answers those that stay; if the old database was `merged`, complete
  // without them, they are removed.
  std::vector<env::Path> leave(bool merged);

 private:
  env::FileSystem& files_;
  env::Path target_;
  std::vector<std::pair<env::Path, env::Path>> moved_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_COMPANIONS_ASIDE_H_
