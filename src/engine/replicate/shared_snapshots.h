// Which databases are in snapshots together with others.
#ifndef HOLDFAST_ENGINE_REPLICATE_SHARED_SNAPSHOTS_H_
#define HOLDFAST_ENGINE_REPLICATE_SHARED_SNAPSHOTS_H_

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "repository/repository.h"

namespace holdfast::engine {

// Thread safe. The repository is asked once, when somebody wants to know: looking through all
// snapshots for each of many databases takes the square of their number. A snapshot that others
// make later is not noticed; then the first scan of a database stores again what it could have
// found there, and nothing else.
class SharedSnapshots {
 public:
  explicit SharedSnapshots(const repository::Repository& repository) : repository_(repository) {}
  bool hold(std::string_view database) const;  // throws what the store throws

 private:
  const repository::Repository& repository_;
  mutable std::mutex mutex_;
  mutable std::optional<std::set<std::string, std::less<>>> databases_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_SHARED_SNAPSHOTS_H_
