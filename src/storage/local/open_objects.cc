#include "storage/local/open_objects.h"

#include <utility>

namespace holdfast::storage {

std::shared_ptr<env::File> OpenObjects::find_or_open(
    std::string_view name, std::uint64_t identity,
    const std::function<std::unique_ptr<env::File>()>& open) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = by_name_.find(name);
    if (found != by_name_.end() && found->second->identity == identity) {
      order_.splice(order_.begin(), order_, found->second);
      return order_.front().file;
    }
  }
  std::shared_ptr<env::File> file = open();
  Order dropped;  // closed after the lock is released
  const std::scoped_lock lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    const auto entry = found->second;
    by_name_.erase(found);
    dropped.splice(dropped.begin(), order_, entry);
  }
  order_.push_front({std::string(name), identity, file});
  by_name_.emplace(order_.front().name, order_.begin());
  if (order_.size() > capacity_) {
    by_name_.erase(order_.back().name);
    dropped.splice(dropped.begin(), order_, std::prev(order_.end()));
  }
  return file;
}

void OpenObjects::forget(std::string_view name) {
  Order dropped;
  const std::scoped_lock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  const auto entry = found->second;
  by_name_.erase(found);
  dropped.splice(dropped.begin(), order_, entry);
}

}  // namespace holdfast::storage
