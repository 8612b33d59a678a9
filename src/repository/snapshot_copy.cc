#include "repository/snapshot_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/blob_transfer.h"
#include "repository/page_map.h"
#include "repository/writer.h"

namespace holdfast::repository {
namespace {

using codec::PageDigest;

MapLeaf read_leaf(const BlobReader& reader, BlobDecoder& decoder, const BlobId& id,
                  std::uint64_t pages) {
  return parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder), pages);
}

bool is_lost(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject;
}

}  // namespace

bool same_keys(const Repository& one, const Repository& other) {
  return one.keys().master == other.keys().master;
}

// One snapshot on its way.
class SnapshotCopy::Work {
 public:
  Work(SnapshotCopy& copy, const Snapshot& snapshot)
      : copy_(copy), snapshot_(snapshot), writer_(copy.to_), target_(copy.to_, writer_.index()) {
    // Only now, with the intent in place: what stands is not pruned before this is done.
    for (const SnapshotId& id : snapshot_ids(copy.to_)) standing_.insert(id);
  }

  Snapshot run(const std::optional<Base>& base) {
    for (DatabaseState& state : snapshot_.databases) {
      const DatabaseState* from = base ? base->from.database(state.name) : nullptr;
      const DatabaseState* to = base ? base->to.database(state.name) : nullptr;
      copy_database(state, from, to, base ? base->to.id : SnapshotId());
    }
    writer_.commit(snapshot_);
    for (const auto& [id, leaf] : leaves_) copy_.leaves_.insert_or_assign(id, leaf);
    copy_.bytes_stored_ += writer_.bytes_stored();
    return snapshot_;
  }

 private:
  struct Pages {
    BlobId id;                        // in the copy
    std::vector<PageDigest> digests;  // there; left out where the keys are the same
  };

  void copy_database(DatabaseState& state, const DatabaseState* base_from,
                     const DatabaseState* base_to, const SnapshotId& base);
  void learn(const std::vector<BlobId>& leaves, const DatabaseState& from, const DatabaseState& to,
             const SnapshotId& owner);
  const Leaf* find(const BlobId& id) const {
    const auto found = copy_.leaves_.find(id);
    const bool whole = found != copy_.leaves_.end() && standing_.contains(found->second.owner);
    return whole ? &found->second : nullptr;
  }
  Leaf leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages, std::uint32_t page_size);
  std::optional<Leaf> known_leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages);
  Pages pages(BlobTransfer& hands, const BlobId& id, std::uint32_t page_size);
  std::optional<Pages> known_pages(const BlobId& id);
  BlobId put_tree(BlobEncoder& encoder, BlobKind kind, ByteView content) {
    const BlobId id = content_id(copy_.to_.keys(), kind, content);
    writer_.add_tree(encoder, id, kind, content);
    return id;
  }
  // Adds the pages that `runs` take from blob number `blob`, the leaf's first one as page 1.
  static void add_runs(codec::DatabaseChecksum& sum, const std::vector<LeafRun>& runs,
                       std::uint32_t blob, std::span<const PageDigest> digests);

  SnapshotCopy& copy_;
  Snapshot snapshot_;
  Writer writer_;
  const BlobReader target_;
  std::unordered_set<SnapshotId> standing_;
  Leaves leaves_;  // of this snapshot: nothing holds on to them before it stands
};

void SnapshotCopy::Work::copy_database(DatabaseState& state, const DatabaseState* base_from,
                                       const DatabaseState* base_to, const SnapshotId& base) {
  const std::vector<BlobId> leaves = copy_.source_.leaves(state.map, state.page_count);
  if (base_from != nullptr && base_to != nullptr && base_from->page_size == state.page_size &&
      standing_.contains(base)) {
    learn(leaves, *base_from, *base_to, base);
  }
  const std::uint64_t leaf_bytes = kLeafPages * std::uint64_t{state.page_size};
  const auto unknown =
      std::ranges::count_if(leaves, [&](const BlobId& id) { return find(id) == nullptr; });
  copy_.progress_.stage(fmt::format("Copying {} of {}", state.name, snapshot_.name),
                        static_cast<std::uint64_t>(unknown) * leaf_bytes);

  std::vector<Leaf> copied(leaves.size());
  std::atomic<std::size_t> next = 0;
  run_parallel(static_cast<unsigned>(std::min<std::size_t>(copy_.threads_, leaves.size())),
               [&](const std::atomic<bool>& stop) {
                 BlobTransfer hands(copy_.from_, copy_.to_);
                 for (std::size_t i = next++; i < leaves.size() && !stop; i = next++) {
                   const bool known = find(leaves[i]) != nullptr;
                   copied[i] =
                       leaf(hands, leaves[i], leaf_pages(state.page_count, i), state.page_size);
                   if (!known) copy_.progress_.advance(leaf_bytes);
                 }
               });

  BlobEncoder encoder(copy_.to_.keys(), codec::kDefaultCompressionLevel);
  MapBuilder map([&](ByteView node) { return put_tree(encoder, BlobKind::kMapNode, node); });
  codec::DatabaseChecksum sum(copy_.checksum_key_);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    map.add_leaf(copied[i].id);
    if (copied[i].sum) sum.add_range(i * kLeafPages, *copied[i].sum);
    copied[i].owner = snapshot_.id;
    leaves_.insert_or_assign(leaves[i], copied[i]);
  }
  state.map = map.finish();
  if (!copy_.same_keys_) state.checksum = sum.finish(state.page_size, state.page_count);
}

// What stands in the copy already: its snapshot needs it, so it is whole. Maps of one state have
// one shape, whatever their ids are, so leaf by leaf and blob by blob one is what the other is.
void SnapshotCopy::Work::learn(const std::vector<BlobId>& leaves, const DatabaseState& from,
                               const DatabaseState& to, const SnapshotId& owner) {
  try {
    const std::vector<BlobId> sources = copy_.source_.leaves(from.map, from.page_count);
    const std::vector<BlobId> targets = target_.leaves(to.map, to.page_count);
    if (sources.size() != targets.size()) return;
    BlobDecoder decoder(copy_.from_.keys()), target_decoder(copy_.to_.keys());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const bool fresh = find(sources[i]) == nullptr;
      if (fresh) {
        copy_.leaves_.insert_or_assign(sources[i],
                                       Leaf{.id = targets[i], .owner = owner, .sum = std::nullopt});
      }
      if (!fresh || copy_.same_keys_ || (i < leaves.size() && leaves[i] == sources[i])) continue;
      const std::uint64_t count = leaf_pages(from.page_count, i);
      const MapLeaf source = read_leaf(copy_.source_, decoder, sources[i], count);
      const MapLeaf target = read_leaf(target_, target_decoder, targets[i], count);
      if (source.runs != target.runs || source.blobs.size() != target.blobs.size()) continue;
      for (std::size_t blob = 0; blob < source.blobs.size(); ++blob) {
        copy_.blobs_.try_emplace(source.blobs[blob], target.blobs[blob]);
      }
    }
  } catch (const Error& error) {
    // Then more is read than need be.
    if (!is_lost(error)) throw;
  }
}

auto SnapshotCopy::Work::known_leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages)
    -> std::optional<Leaf> {
  const Leaf* found = find(id);
  if (found == nullptr) return std::nullopt;
  Leaf known = *found;
  if (copy_.same_keys_ || known.sum) return known;
  try {
    const MapLeaf content = read_leaf(target_, hands.target_decoder, known.id, pages);
    codec::DatabaseChecksum sum(copy_.checksum_key_);
    for (std::uint32_t blob = 0; blob < content.blobs.size(); ++blob) {
      add_runs(sum, content.runs, blob, target_.digests(content.blobs[blob]));
    }
    known.sum = sum.sum();
    return known;
  } catch (const Error& error) {
    if (!is_lost(error)) throw;
    return std::nullopt;
  }
}

auto SnapshotCopy::Work::leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages,
                              std::uint32_t page_size) -> Leaf {
  if (auto known = known_leaf(hands, id, pages)) return *std::move(known);
  MapLeaf content = read_leaf(copy_.source_, hands.decoder, id, pages);
  codec::DatabaseChecksum sum(copy_.checksum_key_);
  for (std::uint32_t blob = 0; blob < content.blobs.size(); ++blob) {
    const Pages copied = this->pages(hands, content.blobs[blob], page_size);
    content.blobs[blob] = copied.id;
    if (!copy_.same_keys_) add_runs(sum, content.runs, blob, copied.digests);
  }
  return {.id = put_tree(hands.encoder, BlobKind::kMapLeaf, serialize(content)),
          .owner = {},
          .sum = sum.sum()};
}

auto SnapshotCopy::Work::known_pages(const BlobId& id) -> std::optional<Pages> {
  if (copy_.same_keys_) {
    return writer_.index().contains(id) ? std::optional(Pages{.id = id, .digests = {}})
                                        : std::nullopt;
  }
  BlobId there;
  {
    const std::lock_guard lock(copy_.mutex_);
    const auto found = copy_.blobs_.find(id);
    if (found == copy_.blobs_.end()) return std::nullopt;
    there = found->second;
  }
  if (!writer_.index().contains(there)) return std::nullopt;
  try {
    return Pages{.id = there, .digests = target_.digests(there)};
  } catch (const Error& error) {
    if (!is_lost(error)) throw;
    return std::nullopt;
  }
}

auto SnapshotCopy::Work::pages(BlobTransfer& hands, const BlobId& id, std::uint32_t page_size)
    -> Pages {
  if (auto known = known_pages(id)) return *std::move(known);
  const ByteView plain = copy_.source_.read(id, hands.decoder, hands.buffer);
  if (plain.empty() || plain.size() % page_size != 0) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} is not made of pages of {} bytes", id.hex(), page_size));
  }
  Pages copied{.id = id, .digests = std::vector<PageDigest>(plain.size() / page_size)};
  hands.hasher.digest_pages(plain, page_size, copied.digests);
  if (pages_id(copy_.from_.keys(), page_size, copied.digests) != id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", id.hex()));
  }
  if (!copy_.same_keys_) {
    hands.target_hasher.digest_pages(plain, page_size, copied.digests);
    copied.id = pages_id(copy_.to_.keys(), page_size, copied.digests);
  }
  writer_.add_pages(hands.encoder, copied.id, plain, copied.digests);
  const std::lock_guard lock(copy_.mutex_);
  copy_.bytes_read_ += plain.size();
  if (!copy_.same_keys_) copy_.blobs_.insert_or_assign(id, copied.id);
  return copied;
}

void SnapshotCopy::Work::add_runs(codec::DatabaseChecksum& sum, const std::vector<LeafRun>& runs,
                                  std::uint32_t blob, std::span<const PageDigest> digests) {
  std::uint64_t page = 1;
  for (const LeafRun& run : runs) {
    if (run.blob == blob) {
      if (run.slot > digests.size() || run.count > digests.size() - run.slot) {
        throw Error(ErrorCode::kDamagedObject,
                    "a leaf of a page map names pages that its blob does not have");
      }
      sum.add(page, digests.subspan(run.slot, run.count));
    }
    page += run.count;
  }
}

SnapshotCopy::SnapshotCopy(const Repository& from, const Repository& to, unsigned threads,
                           Progress& progress)
    : from_(from),
      to_(to),
      threads_(thread_count(threads)),
      progress_(progress),
      same_keys_(same_keys(from, to)),
      source_index_(load_index(from)),
      source_(from, source_index_.index),
      checksum_key_(to.keys().checksum) {}

Snapshot SnapshotCopy::copy(const Snapshot& snapshot, const std::optional<Base>& base) {
  return Work(*this, snapshot).run(base);
}

}  // namespace holdfast::repository
