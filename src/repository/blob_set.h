// Sets of blobs that an index has: a bit for each.
#ifndef HOLDFAST_REPOSITORY_BLOB_SET_H_
#define HOLDFAST_REPOSITORY_BLOB_SET_H_

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "repository/index.h"

namespace holdfast::repository {

// `index` must outlive it and not change. What the index does not have costs forty bytes: that is
// for what is lost.
class BlobSet {
 public:
  explicit BlobSet(const Index& index) : index_(&index), known_(index.numbers()) {}

  bool insert(const BlobId& id);  // false: it was there
  bool contains(const BlobId& id) const;
  std::uint64_t size() const { return size_; }
  template <typename Visit>
  void visit(const Visit& visit) const {
    for (std::uint64_t number = 0; number < known_.size(); ++number) {
      if (known_[number]) visit(index_->id_of(number));
    }
    for (const BlobId& id : unknown_) visit(id);
  }

 private:
  const Index* index_;
  std::vector<bool> known_;  // by Index::number()
  std::unordered_set<BlobId> unknown_;
  std::uint64_t size_ = 0;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_BLOB_SET_H_
