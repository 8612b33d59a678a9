#include "storage/local/settled_directories.h"

#include "base/error.h"

namespace holdfast::storage {
namespace {

// Kernels write names back by themselves within 5 to 30 seconds. A sync costs a flush of the device
// even if it has nothing to do, so it is left out for what is much older.
constexpr auto kSettledAge = std::chrono::minutes(10);

}  // namespace

void SettledDirectories::settle(const env::Path& directory, Time now) {
  {
    const std::scoped_lock lock(mutex_);
    if (settled_.contains(directory.native())) return;
  }
  const env::Path parent = directory.parent_path();
  if (directory != root_) settle(parent, now);
  if (!is_older(directory, now - kSettledAge) && !is_older(parent, now - kSettledAge)) {
    try {
      files_.sync_directory(parent);
    } catch (const Error&) {
      // What is above the root may not be ours to read; then it was not made by us either.
      if (directory != root_) throw;
    }
  }
  const std::scoped_lock lock(mutex_);
  settled_.insert(directory.native());
}

void SettledDirectories::shown(const env::Path& directory, Time modified) {
  const std::scoped_lock lock(mutex_);
  shown_[directory.native()] = modified;
}

void SettledDirectories::settle_shown(const env::Path& target, Time now) {
  std::map<std::string, Time> shown;
  {
    const std::scoped_lock lock(mutex_);
    shown = shown_;
  }
  for (const auto& [name, modified] : shown) {
    if (name != target.native() && modified > now - kSettledAge) {
      settle(name, now);
      files_.sync_directory(name);
    }
    const std::scoped_lock lock(mutex_);
    const auto found = shown_.find(name);
    if (found != shown_.end() && found->second == modified) shown_.erase(found);
  }
}

bool SettledDirectories::is_older(const env::Path& path, Time moment) {
  const auto found = files_.status(path);
  return found && found->modified < moment;
}

}  // namespace holdfast::storage
