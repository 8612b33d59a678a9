#include "repository/session_folder.h"

#include <fmt/format.h>

#include "base/error.h"
#include "repository/document.h"

namespace holdfast::repository {
namespace {

[[noreturn]] void throw_one_way(std::string_view verb, std::string_view name) {
  throw Error(ErrorCode::kInternal,
              fmt::format("a sealed session cannot {} {}: it goes one way", verb, name));
}

}  // namespace

std::optional<storage::ObjectStatus> SessionFolder::stat(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name);
  return found == objects_.end() ? std::nullopt : std::optional(found->second.status);
}

void SessionFolder::list(std::string_view prefix, const Visitor& visit) {
  SessionObjects objects;
  {
    const std::lock_guard lock(mutex_);
    objects = objects_;
  }
  for (auto at = objects.lower_bound(prefix); at != objects.end() && at->first.starts_with(prefix);
       ++at) {
    visit(at->first, at->second.status);
  }
}

void SendingFolder::put(std::string_view name, ByteView content, storage::PutOptions options) {
  if (!options.ephemeral) {
    options.fresh = true;
    base_.put(folder_ + std::string(name), content, options);
  }
  const std::lock_guard lock(mutex_);
  objects_.insert_or_assign(
      std::string(name),
      SessionObject{.status = {.size = content.size(), .modified = clock_.now()}, .version = {}});
  if (!options.ephemeral) sent_.emplace_back(name);
}

std::vector<std::string> SendingFolder::sent() {
  const std::lock_guard lock(mutex_);
  return sent_;
}

Bytes SendingFolder::get(std::string_view name) { throw_one_way("read", name); }

void SendingFolder::get_range(std::string_view name, std::uint64_t, MutableByteView) {
  throw_one_way("read", name);
}

void SendingFolder::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  objects_.erase(std::string(name));
}

SessionObject ReceivingFolder::object(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(name);
  if (found != objects_.end()) return found->second;
  throw Error(ErrorCode::kNotFound, fmt::format("there is no {} in {}", name, folder_));
}

Bytes ReceivingFolder::get(std::string_view name) {
  const auto refuse_large = [&](std::uint64_t size) {
    if (size <= kMostDocument) return;
    throw Error(ErrorCode::kDamagedObject, fmt::format("{}{} is too large", folder_, name));
  };
  const std::uint64_t size = object(name).status.size;
  refuse_large(size);
  Bytes content(size);
  get_range(name, 0, content);
  refuse_large(claimed_size(content));
  return content;
}

void ReceivingFolder::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  const SessionObject from = object(name);
  if (offset > from.status.size || out.size() > from.status.size - offset) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("{}{} is cut short", folder_, name));
  }
  base_.get_first(folder_ + std::string(name), from.version, offset, out);
}

void ReceivingFolder::put(std::string_view name, ByteView, storage::PutOptions) {
  throw_one_way("be added", name);
}

void ReceivingFolder::remove(std::string_view name) { throw_one_way("remove", name); }

}  // namespace holdfast::repository
