// Which directories of a local store have durable names and entries.
#ifndef HOLDFAST_STORAGE_LOCAL_SETTLED_DIRECTORIES_H_
#define HOLDFAST_STORAGE_LOCAL_SETTLED_DIRECTORIES_H_

#include <map>
#include <mutex>
#include <string>
#include <unordered_set>

#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::storage {

// Other processes make directories and objects too, and may be killed before they sync them. What
// this process builds upon must be made durable by itself then. Thread safe.
//
// `now` is the time of a file just written: only times of one file system are compared.
class SettledDirectories {
 public:
  SettledDirectories(env::FileSystem& files, env::Path root)
      : files_(files), root_(std::move(root)) {}

  // The name of `directory`, and those of its parents up to and with the root, are durable
  // afterwards.
  void settle(const env::Path& directory, Time now);

  // The entries of `directory`, last modified at `modified`, were shown to somebody.
  void shown(const env::Path& directory, Time modified);
  // Whatever was shown is durable afterwards, except in `target`, which the caller is going to
  // sync.
  void settle_shown(const env::Path& target, Time now);

 private:
  bool is_older(const env::Path& path, Time moment);

  env::FileSystem& files_;
  const env::Path root_;
  std::mutex mutex_;
  std::unordered_set<std::string> settled_;
  std::map<std::string, Time> shown_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_LOCAL_SETTLED_DIRECTORIES_H_
