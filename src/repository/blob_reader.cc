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
constexpr std::uint64_t kMostAtOnce = 4u << 20;
// To read as much for nothing costs less than another request.
constexpr std::uint64_t kMostBetweenTrees = 16u << 10;

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
      second_look([&] {
        repository_->store().get_range(pack_name(location.pack), location.offset, box);
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

// Those that no pack holds are left out.
std::vector<BlobReader::TreePlace> BlobReader::places_of(std::span<const BlobId> ids) const {
  std::vector<TreePlace> places;
  places.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = index_->find(ids[i]);
    if (!found.empty()) places.push_back({.i = i, .location = found.front()});
  }
  std::ranges::sort(places, {}, [](const TreePlace& place) {
    return std::pair(place.location.pack, place.location.offset);
  });
  return places;
}

// What cannot be had from there is not visited.
void BlobReader::visit_together(std::span<const TreePlace> places, BlobKind kind,
                                BlobDecoder& decoder, std::vector<bool>& visited,
                                const VisitTree& visit) const {
  const std::uint64_t from = places.front().location.offset;
  Bytes boxes(places.back().end() - from), plain;
  try {
    repository_->store().get_range(pack_name(places.front().location.pack), from, boxes);
  } catch (const Error& error) {
    if (!worth_another_place(error)) throw;
    return;
  }
  for (const TreePlace& place : places) {
    const BlobEntry& entry = place.location.entry;
    plain.resize(entry.raw_size);
    try {
      decoder.decode(
          entry, ByteView(boxes).subspan(place.location.offset - from, entry.stored_size), plain);
    } catch (const Error& error) {
      if (!worth_another_place(error)) throw;
      continue;
    }
    if (content_id(repository_->keys(), kind, plain) != entry.id) continue;
    visited[place.i] = true;
    visit(place.i, plain);
  }
}

void BlobReader::read_trees(std::span<const BlobId> ids, BlobKind kind, BlobDecoder& decoder,
                            const VisitTree& visit, const LostTree& lost) const {
  std::vector<bool> visited(ids.size());
  const std::vector<TreePlace> places = places_of(ids);
  for (std::size_t first = 0; first < places.size();) {
    const BlobLocation& start = places[first].location;
    std::size_t end = first + 1;
    while (end < places.size() && places[end].location.pack == start.pack &&
           places[end].location.offset <= places[end - 1].end() + kMostBetweenTrees &&
           places[end].end() - start.offset <= kMostAtOnce) {
      ++end;
    }
    visit_together(std::span(places).subspan(first, end - first), kind, decoder, visited, visit);
    first = end;
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
