#include "repository/blob_set.h"

namespace holdfast::repository {

bool BlobSet::insert(const BlobId& id) {
  bool added = false;
  if (const auto number = index_->number(id)) {
    added = !known_[*number];
    known_[*number] = true;
  } else {
    added = unknown_.insert(id).second;
  }
  size_ += added ? 1 : 0;
  return added;
}

bool BlobSet::contains(const BlobId& id) const {
  if (const auto number = index_->number(id)) return known_[*number];
  return unknown_.contains(id);
}

}  // namespace holdfast::repository
