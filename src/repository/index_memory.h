// What one process has read of a repository's index. Index objects are written once, under names
// of their own, so what was read of one stays true; whether it still counts, the store's listing
// says.
#ifndef HOLDFAST_REPOSITORY_INDEX_MEMORY_H_
#define HOLDFAST_REPOSITORY_INDEX_MEMORY_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "repository/repository.h"

namespace holdfast::repository {

class IndexPart;

// Thread safe. Remembers nothing unless it is kept (see KeptIndex): a command that loads the index
// once has no use for it.
class IndexMemory {
 public:
  static constexpr std::size_t kMostBytes = 64u << 20;

  // Null if it is not remembered.
  std::shared_ptr<const IndexPart> find(const std::string& name) const;
  // Left out where it would take more than `kMostBytes` together with the others.
  void note(const std::string& name, const std::shared_ptr<const IndexPart>& part);
  // What is not in the store any more.
  void keep_only(const std::set<std::string>& names);

 private:
  friend class KeptIndex;
  struct Known {
    std::shared_ptr<const IndexPart> part;
    std::size_t bytes = 0;
  };
  void keep();
  void let_go();

  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
  std::size_t bytes_ = 0;
  unsigned keepers_ = 0;
};

// As long as there is one, loading the index of `repository`, or of a copy of it, reads only what
// was not read before.
class KeptIndex {
 public:
  explicit KeptIndex(const Repository& repository);
  ~KeptIndex();
  KeptIndex(const KeptIndex&) = delete;
  KeptIndex& operator=(const KeptIndex&) = delete;

 private:
  const std::shared_ptr<IndexMemory> memory_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_INDEX_MEMORY_H_
