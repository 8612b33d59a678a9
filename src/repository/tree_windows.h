#ifndef HOLDFAST_REPOSITORY_TREE_WINDOWS_H_
#define HOLDFAST_REPOSITORY_TREE_WINDOWS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "base/bytes.h"
#include "repository/index.h"
#include "storage/store.h"

namespace holdfast::repository {

// Leaves and nodes of a map lie side by side in their packs and are wanted one after the other.
// Where a request takes long, those around the wanted one come with it, and the last windows are
// kept: at most 8 MiB. Thread safe.
class TreeWindows {
 public:
  // Fills `box` with what the store has at the place of a leaf or node, as it is: who opens it sees
  // whether it is damaged. False if that cannot be had this way.
  bool read(storage::Store& store, const Index& index, const BlobLocation& place,
            MutableByteView box);

 private:
  struct Window {
    PackId pack;
    std::uint64_t from = 0;
    Bytes boxes;
    bool holds(const BlobLocation& place) const;
  };
  std::shared_ptr<const Window> find(const BlobLocation& place);
  void keep(std::shared_ptr<const Window> window);

  std::mutex mutex_;
  std::list<std::shared_ptr<const Window>> recent_;  // newest first
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TREE_WINDOWS_H_
