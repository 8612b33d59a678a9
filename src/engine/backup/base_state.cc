#include "engine/backup/base_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/config.h"
#include "repository/timeline.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::BlobReader;
using repository::DatabaseState;
using repository::LeafRun;
using repository::MapLeaf;

// A bad sector below one object is a loss of that object. Where the store cannot even read its
// configuration it is the store that fails, and nothing can be said of the object: throws.
bool is_loss(const repository::Repository& repository, const Error& error) {
  if (error.code() == ErrorCode::kIo) repository.store().get(repository::kConfigName);
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject ||
         error.code() == ErrorCode::kIo;
}

std::optional<DatabaseState> state_in(const std::optional<repository::Snapshot>& snapshot,
                                      std::string_view database) {
  if (!snapshot) return std::nullopt;
  const DatabaseState* state = snapshot->database(database);
  return state == nullptr ? std::nullopt : std::optional(*state);
}

std::optional<DatabaseState> newest_state(const repository::Repository& repository,
                                          const BaseSearch& search) {
  const repository::SnapshotList list = repository::list_snapshots(
      repository,
      search.in_own_series ? repository::timeline_series(repository, search.database) : "");
  for (const repository::Snapshot& snapshot : list.snapshots) {
    if (const DatabaseState* state = snapshot.database(search.database)) return *state;
  }
  return std::nullopt;
}

// Walks the map: which leaves are there, which pages are backed, which blobs are lost.
class MapLook {
 public:
  MapLook(const BlobReader& reader, BaseState& base, unsigned threads)
      : reader_(reader), base_(base), threads_(threads) {}

  void run();

 private:
  using NumberedLeaf = std::pair<std::uint64_t, BlobId>;

  std::vector<NumberedLeaf> find_leaves();
  void look_at(const NumberedLeaf& leaf, repository::BlobDecoder& decoder);
  void note_damage(const BlobId& id, const Error& error);
  void note_lost(LostBlob& blob, std::uint64_t page, const LeafRun& run);

  const BlobReader& reader_;
  BaseState& base_;
  unsigned threads_;
  std::mutex mutex_;  // guards base_ and lost_
  std::map<BlobId, LostBlob> lost_;
};

void MapLook::note_damage(const BlobId& id, const Error& error) {
  if (!is_loss(reader_.repository(), error)) throw error;
  const std::lock_guard lock(mutex_);
  if (error.code() != ErrorCode::kMissingObject) base_.damaged.push_back(id);
  if (base_.unreadable.first.empty()) base_.unreadable.first = error.happened();
}

void MapLook::note_lost(LostBlob& blob, std::uint64_t page, const LeafRun& run) {
  if (blob.pages.size() < run.slot + run.count) blob.pages.resize(run.slot + run.count);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    blob.pages[run.slot + i] = static_cast<std::uint32_t>(page + i);
  }
}

std::vector<MapLook::NumberedLeaf> MapLook::find_leaves() {
  repository::BlobDecoder decoder(reader_.repository().keys());
  const auto get_node = [&](const BlobId& id) {
    try {
      return reader_.read_tree(id, repository::BlobKind::kMapNode, decoder);
    } catch (const Error& error) {
      note_damage(id, error);
      throw Error(ErrorCode::kDamagedObject, error.happened());
    }
  };
  std::vector<NumberedLeaf> leaves;
  repository::visit_leaves(
      base_.state.map, base_.state.page_count, get_node,
      [&](std::uint64_t number, const BlobId& id) { leaves.emplace_back(number, id); },
      [&](std::uint64_t, std::uint64_t count) { base_.unreadable.count += count; });
  return leaves;
}

void MapLook::look_at(const NumberedLeaf& numbered, repository::BlobDecoder& decoder) {
  const auto& [number, id] = numbered;
  MapLeaf leaf;
  try {
    leaf = repository::parse_leaf(reader_.read_tree(id, repository::BlobKind::kMapLeaf, decoder),
                                  repository::leaf_pages(base_.state.page_count, number));
  } catch (const Error& error) {
    note_damage(id, error);
    const std::lock_guard lock(mutex_);
    ++base_.unreadable.count;
    return;
  }
  std::vector<std::optional<PackId>> place(leaf.blobs.size());
  for (std::size_t i = 0; i < leaf.blobs.size(); ++i) {
    const auto places = reader_.index().find(leaf.blobs[i]);
    if (!places.empty()) place[i] = places.front().pack;
  }
  const std::lock_guard lock(mutex_);
  base_.leaves[number] = id;
  std::uint64_t page = number * repository::kLeafPages + 1;
  for (const LeafRun& run : leaf.runs) {
    if (place[run.blob]) {
      base_.backed.insert_range(page, run.count);
      base_.pages_in[*place[run.blob]] += run.count;
    } else {
      LostBlob& blob = lost_[leaf.blobs[run.blob]];
      blob.id = leaf.blobs[run.blob];
      note_lost(blob, page, run);
    }
    page += run.count;
  }
}

void MapLook::run() {
  base_.leaves.resize(repository::leaf_count(base_.state.page_count));
  const std::vector<NumberedLeaf> leaves = find_leaves();
  std::atomic<std::size_t> next{0};
  run_parallel(threads_, [&](const std::atomic<bool>& stop) {
    repository::BlobDecoder decoder(reader_.repository().keys());
    for (std::size_t i = next++; i < leaves.size() && !stop; i = next++) {
      look_at(leaves[i], decoder);
    }
  });
  for (auto& [id, blob] : lost_) base_.lost.push_back(std::move(blob));
}

// One leaf's digests, from the packs that hold its blobs. Pages whose digests are lost are not
// backed.
void collect_digests(const BlobReader& reader, const MapLeaf& leaf, std::uint64_t first_page,
                     std::span<PageDigest> out, PageSet& backed) {
  std::vector<std::optional<std::vector<PageDigest>>> known(leaf.blobs.size());
  for (std::size_t i = 0; i < leaf.blobs.size(); ++i) {
    try {
      known[i] = reader.digests(leaf.blobs[i]);
    } catch (const Error& error) {
      if (!is_loss(reader.repository(), error)) throw;
    }
  }
  std::size_t at = 0;
  for (const LeafRun& run : leaf.runs) {
    const auto& digests = known[run.blob];
    for (std::uint32_t i = 0; i < run.count; ++i, ++at) {
      if (digests && run.slot + i < digests->size()) {
        out[at] = (*digests)[run.slot + i];
      } else {
        backed.erase(first_page + at);
      }
    }
  }
}

// Makes the digest table of the base anew from what the repository holds beside the pages.
DigestTable rebuild_table(env::FileSystem& files, const BlobReader& reader, const env::Path& path,
                          BaseState& base, Progress& progress) {
  progress.notice(
      fmt::format("the local page digests of {} are missing; making them again from the repository",
                  base.state.name));
  const auto& keys = reader.repository().keys();
  DigestTable table = DigestTable::create(files, path, keys.cache, base.state.page_size);
  repository::BlobDecoder decoder(keys);
  for (std::uint64_t number = 0; number < base.leaves.size(); ++number) {
    const std::uint64_t pages = repository::leaf_pages(base.state.page_count, number);
    std::vector<PageDigest> digests(repository::kLeafPages);
    if (base.leaves[number]) {
      const MapLeaf leaf = repository::parse_leaf(
          reader.read_tree(*base.leaves[number], repository::BlobKind::kMapLeaf, decoder), pages);
      collect_digests(reader, leaf, number * repository::kLeafPages + 1, digests, base.backed);
    }
    for (std::uint64_t done = 0; done < pages; done += kChunkPages) {
      table.write_chunk((number * repository::kLeafPages + done) / kChunkPages,
                        std::span(digests).subspan(done, kChunkPages));
    }
  }
  return table;
}

}  // namespace

std::optional<BaseState> find_base(const repository::Repository& repository, env::FileSystem& files,
                                   const BlobReader& reader, const BaseSearch& search,
                                   Progress& progress) {
  BaseState base;
  base.digests = DigestTable::open(files, search.table, repository.keys().cache);
  std::optional<DatabaseState> state;
  if (base.digests) {
    const DigestTable::Header& header = base.digests->header();
    try {
      state = state_in(repository::find_snapshot(repository, header.series, header.snapshot),
                       search.database);
    } catch (const Error& error) {
      if (!is_loss(repository, error)) throw;
    }
    if (state && (state->page_size != header.page_size || state->page_count != header.page_count)) {
      state.reset();
    }
  }
  if (!state) {
    base.digests.reset();
    state = newest_state(repository, search);
  }
  if (!state) return std::nullopt;
  base.state = *std::move(state);
  MapLook(reader, base, search.threads).run();
  if (base.digests) return base;
  try {
    base.digests = rebuild_table(files, reader, search.table, base, progress);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDiskFull) throw;
    base.backed.clear();
  }
  return base;
}

}  // namespace holdfast::engine
