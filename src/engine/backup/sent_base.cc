#include "engine/backup/sent_base.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::SealedSession;

// Adds the terms of `count` pages from `first` on, as the table has them.
void add_terms(codec::DatabaseChecksum& sum, const DigestTable& table, std::uint64_t first,
               std::uint64_t count) {
  std::array<PageDigest, kChunkPages> digests;
  while (count > 0) {
    const std::uint64_t chunk = (first - 1) / kChunkPages, start = (first - 1) % kChunkPages;
    const std::uint64_t pages = std::min(count, kChunkPages - start);
    table.read_chunk(chunk, digests);
    sum.add(first, std::span(digests).subspan(start, pages));
    first += pages;
    count -= pages;
  }
}

}  // namespace

std::optional<BaseState> find_sent_base(const SealedSession& session, env::FileSystem& files,
                                        const env::Path& table, std::string_view database,
                                        Progress& progress) {
  BaseState base;
  const repository::MasterKeys& keys = session.repository().keys();
  base.digests = DigestTable::open(files, table, keys.cache);
  if (!base.digests) return std::nullopt;
  const DigestTable::Header& header = base.digests->header();
  const SealedSession::Fate fate = session.fate_of(header.snapshot);
  if (fate == SealedSession::Fate::kRefused) {
    progress.warning(fmt::format(
        "the last backup of {} could not be taken into the repository, so all of it is sent again; "
        "`holdfast adopt` says why, on a machine that can read the repository",
        database));
  }
  if (fate != SealedSession::Fate::kStands) return std::nullopt;
  base.sent_in = header.snapshot;
  base.state.name = database;
  base.state.page_size = header.page_size;
  base.state.page_count = header.page_count;
  base.backed.insert_range(1, header.page_count);
  try {
    // Reads all of it, too: what is torn is found out before anything relies on it.
    const codec::ChecksumKey key(keys.checksum);
    codec::DatabaseChecksum sum(key);
    add_terms(sum, *base.digests, 1, header.page_count);
    base.state.checksum = sum.finish(header.page_size, header.page_count);
  } catch (const Error&) {
    return std::nullopt;
  }
  return base;
}

repository::SealedBase goes_on_from(const BaseState& base, const codec::ChecksumKey& key,
                                    const Placements& placements, std::uint64_t page_count) {
  const std::uint64_t known = base.state.page_count;
  codec::DatabaseChecksum sum(key);
  for (const Placement& placement : placements.settle(page_count)) {
    if (placement.first > known) continue;
    add_terms(sum, *base.digests, placement.first,
              std::min<std::uint64_t>(placement.count, known - placement.first + 1));
  }
  if (known > page_count) add_terms(sum, *base.digests, page_count + 1, known - page_count);
  return {.snapshot = *base.sent_in, .replaced = sum.sum()};
}

void put_into(const SealedSession& session, repository::Snapshot& snapshot) {
  snapshot.id = session.id();
  snapshot.machine = session.key().info.id;
  snapshot.host = session.key().info.label;
}

void expect_standing(const SealedSession& session, const repository::Snapshot& snapshot) {
  const bool stands =
      std::ranges::all_of(snapshot.databases, [&](const repository::DatabaseState& state) {
        return !state.base || session.fate_of(state.base->snapshot) == SealedSession::Fate::kStands;
      });
  if (stands && session.is_whole()) return;
  throw Error(ErrorCode::kIntentLost,
              "while it was sent, the repository let go of it, or of what it goes on from");
}

}  // namespace holdfast::engine
