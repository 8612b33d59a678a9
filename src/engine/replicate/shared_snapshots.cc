#include "engine/replicate/shared_snapshots.h"

#include "repository/snapshot.h"

namespace holdfast::engine {

bool SharedSnapshots::hold(std::string_view database) const {
  const std::lock_guard lock(mutex_);
  if (!databases_) {
    const std::set<std::string> found = repository::databases_in_company(repository_);
    databases_.emplace(found.begin(), found.end());
  }
  return databases_->contains(database);
}

}  // namespace holdfast::engine
