#include "storage/memory/memory_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "storage/object_name.h"

namespace holdfast::storage {

MemoryStore::MemoryStore(env::Clock& clock) : clock_(clock) {}

void MemoryStore::put(std::string_view name, ByteView content, PutOptions options) {
  require_legal_object_name(name);
  auto object = std::make_shared<Object>();
  object->content = std::make_shared<const Bytes>(content.begin(), content.end());
  object->ephemeral = options.ephemeral;
  const std::scoped_lock lock(mutex_);
  object->modified = clock_.now();
  auto& place = objects_[std::string(name)];
  if (place && options.mode == PutMode::kCreate) {
    throw Error(ErrorCode::kAlreadyExists, fmt::format("there is an object \"{}\" already", name));
  }
  if (place && options.ephemeral) object->durable = place->ephemeral ? place->durable : place;
  place = std::move(object);
}

Bytes MemoryStore::get(std::string_view name) { return *find(name)->content; }

void MemoryStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  const auto object = find(name);
  const ByteView content = *object->content;
  if (offset > content.size() || out.size() > content.size() - offset) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("\"{}\" has {} bytes, but {} from {} were wanted", name, content.size(),
                            out.size(), offset));
  }
  std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
}

std::optional<ObjectStatus> MemoryStore::stat(std::string_view name) {
  require_legal_object_name(name);
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(name);
  if (found == objects_.end()) return std::nullopt;
  return ObjectStatus{.size = found->second->content->size(), .modified = found->second->modified};
}

void MemoryStore::list(std::string_view prefix, const Visitor& visit) {
  std::vector<std::pair<std::string, ObjectStatus>> found;
  {
    const std::scoped_lock lock(mutex_);
    for (auto at = objects_.lower_bound(prefix);
         at != objects_.end() && at->first.starts_with(prefix); ++at) {
      found.emplace_back(at->first, ObjectStatus{.size = at->second->content->size(),
                                                 .modified = at->second->modified});
    }
  }
  for (const auto& [name, status] : found) visit(name, status);
}

void MemoryStore::remove(std::string_view name) {
  require_legal_object_name(name);
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(name);
  if (found == objects_.end()) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no object \"{}\"", name));
  }
  objects_.erase(found);
}

void MemoryStore::lose_ephemeral() {
  const std::scoped_lock lock(mutex_);
  for (auto& [name, object] : objects_) {
    if (object->ephemeral) object = object->durable;
  }
  std::erase_if(objects_, [](const auto& entry) { return !entry.second; });
}

std::shared_ptr<const MemoryStore::Object> MemoryStore::find(std::string_view name) {
  require_legal_object_name(name);
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(name);
  if (found == objects_.end()) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no object \"{}\"", name));
  }
  return found->second;
}

}  // namespace holdfast::storage
