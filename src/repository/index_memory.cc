#include "repository/index_memory.h"

#include "repository/index_part.h"

namespace holdfast::repository {
std::shared_ptr<const IndexPart> IndexMemory::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second.part;
}

void IndexMemory::note(const std::string& name, const std::shared_ptr<const IndexPart>& part) {
  const std::size_t bytes = part->bytes();
  const std::lock_guard lock(mutex_);
  if (keepers_ == 0 || bytes > kMostBytes - bytes_) return;
  if (known_.try_emplace(name, Known{.part = part, .bytes = bytes}).second) bytes_ += bytes;
}

void IndexMemory::keep_only(const std::set<std::string>& names) {
  const std::lock_guard lock(mutex_);
  for (auto known = known_.begin(); known != known_.end();) {
    if (names.contains(known->first)) {
      ++known;
      continue;
    }
    bytes_ -= known->second.bytes;
    known = known_.erase(known);
  }
}

void IndexMemory::keep() {
  const std::lock_guard lock(mutex_);
  ++keepers_;
}

void IndexMemory::let_go() {
  const std::lock_guard lock(mutex_);
  if (--keepers_ > 0) return;
  known_.clear();
  bytes_ = 0;
}

KeptIndex::KeptIndex(const Repository& repository) : memory_(repository.index_memory()) {
  memory_->keep();
}

KeptIndex::~KeptIndex() { memory_->let_go(); }

}  // namespace holdfast::repository
