#include "repository/blob_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "repository/second_look.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kPackDigestsKept = 8;
constexpr std::uint64_t kMostTrees = 4u << 20, kMostBlobs = 2u << 20;  // bytes at once
// To read as much for nothing costs less than another request.
constexpr std::uint64_t kMostBetween = 16u << 10;

// Damage or a bad sector in one place is no reason to give up while there is another.
bool worth_another_place(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kNotFound ||
         error.code() == ErrorCode::kIo;
}

Error missing(const BlobId& id) {
  return Error(ErrorCode::kMissingObject, fmt::format("blob {} is in no pack", id.hex()));
}

Error none_left(const BlobId& id, const Error& last) {
  const auto code = last.code() == ErrorCode::kNotFound ? ErrorCode::kMissingObject : last.code();
  return Error(code, fmt::format("blob {} cannot be read: {}", id.hex(), last.what()));
}

}  // namespace

MutableByteView BlobReader::read(const BlobId& id, BlobDecoder& decoder, Bytes& buffer) const {
  try {
    return read_from(*index_, id, decoder, buffer);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kMissingObject || !index_->contains(id)) throw;
  }
  return read_from(newer_index()->index, id, decoder, buffer);
}

std::shared_ptr<const LoadedIndex> BlobReader::newer_index() const {
  const std::lock_guard lock(mutex_);
  if (!newer_) newer_ = std::make_shared<const LoadedIndex>(load_index(*repository_));
  return newer_;
}

MutableByteView BlobReader::read_from(const Index& index, const BlobId& id, BlobDecoder& decoder,
                                      Bytes& buffer) const {
  std::optional<Error> last;
  thread_local Bytes box;
  for (const BlobLocation& location : index.find(id)) {
    try {
      box.resize(location.entry.stored_size);
      if (buffer.size() < location.entry.raw_size) buffer.resize(location.entry.raw_size);
      const auto plain = MutableByteView(buffer).first(location.entry.raw_size);
      bool near = location.entry.kind != BlobKind::kPages && costly();
      second_look([&] {
        if (!std::exchange(near, false) ||
            !windows_.read(repository_->store(), index, location, box)) {
          repository_->store().get_range(pack_name(location.pack), location.offset, box);
        }
        decoder.decode(location.entry, box, plain);
      });
      return plain;
    } catch (const Error& error) {
      if (!worth_another_place(error)) throw;
      last.emplace(error);
    }
  }
  if (last) throw none_left(id, *last);
  throw missing(id);
}

Bytes BlobReader::read_tree(const BlobId& id, BlobKind kind, BlobDecoder& decoder) const {
  Bytes buffer;
  const ByteView plain = read(id, decoder, buffer);
  if (content_id(repository_->keys(), kind, plain) != id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", id.hex()));
  }
  return {plain.begin(), plain.end()};
}

GetNode BlobReader::node_getter(BlobDecoder& decoder) const {
  return [this, &decoder](const BlobId& id) { return read_tree(id, BlobKind::kMapNode, decoder); };
}

bool BlobReader::costly() const { return repository_->store().capabilities().costly; }

std::vector<BlobId> BlobReader::leaves(const BlobId& root, std::uint64_t page_count) const {
  BlobDecoder decoder(repository_->keys());
  std::vector<BlobId> leaves;
  leaves.reserve(leaf_count(page_count));
  visit_leaves(root, page_count, node_getter(decoder),
               [&](std::uint64_t, const BlobId& id) { leaves.push_back(id); });
  return leaves;
}

// Those that no pack holds are left out.
std::vector<BlobReader::Place> BlobReader::places_of(std::span<const BlobId> ids) const {
  std::vector<Place> places;
  places.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = index_->find(ids[i]);
    if (!found.empty()) places.push_back({.i = i, .location = found.front()});
  }
  std::ranges::sort(places, {}, [](const Place& place) {
    return std::pair(place.location.pack, place.location.offset);
  });
  return places;
}

std::size_t BlobReader::reach_of(std::span<const Place> places, std::uint64_t most_at_once) {
  const BlobLocation& start = places.front().location;
  std::size_t reach = 1;
  while (reach < places.size() && places[reach].location.pack == start.pack &&
         places[reach].location.offset <= places[reach - 1].end() + kMostBetween &&
         places[reach].end() - start.offset <= most_at_once) {
    ++reach;
  }
  return reach;
}

// Empty if they cannot be had.
Bytes BlobReader::read_boxes(std::span<const Place> places) const {
  const BlobLocation& start = places.front().location;
  Bytes boxes(places.back().end() - start.offset);
  try {
    repository_->store().get_range(pack_name(start.pack), start.offset, boxes);
  } catch (const Error& error) {
    if (!worth_another_place(error)) throw;
    boxes.clear();
  }
  return boxes;
}

// What cannot be had from there is not visited.
void BlobReader::visit_together(std::span<const Place> places, BlobDecoder& decoder, Bytes& buffer,
                                std::vector<bool>& visited, const VisitBlob& visit) const {
  const Bytes boxes = read_boxes(places);
  if (boxes.empty()) return;
  for (const Place& place : places) {
    const BlobEntry& entry = place.location.entry;
    const std::uint64_t at = place.location.offset - places.front().location.offset;
    if (buffer.size() < entry.raw_size) buffer.resize(entry.raw_size);
    const auto plain = MutableByteView(buffer).first(entry.raw_size);
    try {
      decoder.decode(entry, ByteView(boxes).subspan(at, entry.stored_size), plain);
    } catch (const Error& error) {
      if (!worth_another_place(error)) throw;
      continue;
    }
    visited[place.i] = true;
    visit(place.i, plain);
  }
}

void BlobReader::read_trees(std::span<const BlobId> ids, BlobKind kind, BlobDecoder& decoder,
                            const VisitTree& visit, const LostTree& lost) const {
  std::vector<bool> visited(ids.size());
  Bytes buffer;
  const std::vector<Place> all = places_of(ids);
  for (auto places = std::span(all); !places.empty();) {
    const auto group = places.first(reach_of(places, kMostTrees));
    visit_together(group, decoder, buffer, visited, [&](std::size_t i, ByteView content) {
      if (content_id(repository_->keys(), kind, content) == ids[i]) {
        visit(i, content);
      } else {
        visited[i] = false;
      }
    });
    places = places.subspan(group.size());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (visited[i]) continue;
    try {
      visit(i, read_tree(ids[i], kind, decoder));
    } catch (const Error& error) {
      lost(i, error);
    }
  }
}

void BlobReader::read_group(std::span<const BlobId> ids, BlobDecoder& decoder, Bytes& buffer,
                            const VisitBlob& visit) const {
  std::vector<bool> visited(ids.size());
  if (ids.size() > 1) {
    const std::vector<Place> places = places_of(ids);
    if (!places.empty() && reach_of(places, kMostBlobs) == places.size()) {
      visit_together(places, decoder, buffer, visited, visit);
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!visited[i]) visit(i, read(ids[i], decoder, buffer));
  }
}

BlobGroups BlobReader::groups_of(std::span<const BlobId> ids) const {
  BlobGroups groups;
  const auto add_alone = [&](std::size_t i) {
    groups.add(static_cast<std::uint32_t>(i));
    groups.end_group();
  };
  if (!costly()) {
    for (std::size_t i = 0; i < ids.size(); ++i) add_alone(i);
    return groups;
  }
  std::vector<bool> placed(ids.size());
  const std::vector<Place> all = places_of(ids);
  for (auto places = std::span(all); !places.empty();) {
    const auto group = places.first(reach_of(places, kMostBlobs));
    for (const Place& place : group) {
      groups.add(static_cast<std::uint32_t>(place.i));
      placed[place.i] = true;
    }
    groups.end_group();
    places = places.subspan(group.size());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!placed[i]) add_alone(i);
  }
  return groups;
}

std::vector<codec::PageDigest> BlobReader::digests(const BlobId& id) const {
  try {
    return digests_from(*index_, id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kMissingObject || !index_->contains(id)) throw;
  }
  return digests_from(newer_index()->index, id);
}

std::vector<codec::PageDigest> BlobReader::digests_from(const Index& index,
                                                        const BlobId& id) const {
  std::optional<Error> last;
  for (const BlobLocation& location : index.find(id)) {
    try {
      const auto all = pack_digests(index, location.pack);
      const auto first =
          all->begin() + static_cast<std::ptrdiff_t>(index.digest_position(location));
      return {first, first + location.entry.pages};
    } catch (const Error& error) {
      if (!worth_another_place(error)) throw;
      last.emplace(error);
    }
  }
  if (last) throw none_left(id, *last);
  throw missing(id);
}

std::shared_ptr<const std::vector<codec::PageDigest>> BlobReader::pack_digests(
    const Index& index, const PackId& pack) const {
  {
    const std::lock_guard lock(mutex_);
    for (auto kept = recent_.begin(); kept != recent_.end(); ++kept) {
      if (kept->pack != pack) continue;
      recent_.splice(recent_.begin(), recent_, kept);
      return kept->digests;
    }
  }
  auto digests = std::make_shared<const std::vector<codec::PageDigest>>(
      read_digests(repository_->store(), repository_->keys(), index.pack(pack).value()));
  const std::lock_guard lock(mutex_);
  recent_.push_front({pack, digests});
  if (recent_.size() > kPackDigestsKept) recent_.pop_back();
  return digests;
}

}  // namespace holdfast::repository
