#include "engine/backup/base_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
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
void look_at_map(const BlobReader& reader, BaseState& base) {
  repository::BlobDecoder decoder(reader.repository().keys());
  std::map<BlobId, LostBlob> lost;
  base.leaves.resize(repository::leaf_count(base.state.page_count));
  const auto note_damage = [&](const BlobId& id, const Error& error) {
    if (!is_loss(reader.repository(), error)) throw error;
    if (error.code() != ErrorCode::kMissingObject) base.damaged.push_back(id);
    if (base.unreadable.first.empty()) base.unreadable.first = error.happened();
  };
  const auto get_node = [&](const BlobId& id) {
    try {
      return reader.read_tree(id, repository::BlobKind::kMapNode, decoder);
    } catch (const Error& error) {
      note_damage(id, error);
      throw Error(ErrorCode::kDamagedObject, error.happened());
    }
  };
  const auto visit = [&](std::uint64_t number, const BlobId& id) {
    MapLeaf leaf;
    try {
      leaf = repository::parse_leaf(reader.read_tree(id, repository::BlobKind::kMapLeaf, decoder),
                                    repository::leaf_pages(base.state.page_count, number));
    } catch (const Error& error) {
      note_damage(id, error);
      ++base.unreadable.count;
      return;
    }
    base.leaves[number] = id;
    std::vector<std::optional<PackId>> place(leaf.blobs.size());
    for (std::size_t i = 0; i < leaf.blobs.size(); ++i) {
      const auto places = reader.index().find(leaf.blobs[i]);
      if (!places.empty()) place[i] = places.front().pack;
    }
    std::uint64_t page = number * repository::kLeafPages + 1;
    for (const LeafRun& run : leaf.runs) {
      if (place[run.blob]) {
        base.backed.insert_range(page, run.count);
        base.pages_in[*place[run.blob]] += run.count;
      } else {
        LostBlob& blob = lost[leaf.blobs[run.blob]];
        blob.id = leaf.blobs[run.blob];
        if (blob.pages.size() < run.slot + run.count) blob.pages.resize(run.slot + run.count);
        for (std::uint32_t i = 0; i < run.count; ++i) {
          blob.pages[run.slot + i] = static_cast<std::uint32_t>(page + i);
        }
      }
      page += run.count;
    }
  };
  repository::visit_leaves(
      base.state.map, base.state.page_count, get_node, visit,
      [&](std::uint64_t, std::uint64_t count) { base.unreadable.count += count; });
  for (auto& [id, blob] : lost) base.lost.push_back(std::move(blob));
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
  look_at_map(reader, base);
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
