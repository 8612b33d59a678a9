#include "engine/replicate/closing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/version.h"
#include "codec/secret_key.h"
#include "engine/backup/base_state.h"
#include "engine/backup/map_update.h"
#include "engine/replicate/gathering.h"
#include "engine/replicate/running_checksum.h"
#include "env/host.h"
#include "env/user.h"
#include "repository/blob_reader.h"
#include "repository/timeline_retention.h"
#include "repository/writer.h"
#include "sqlite/file_header.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using repository::DatabaseState;
using repository::Snapshot;

constexpr std::size_t kClosingGroupBytes = 1u << 20;

class Closing {
 public:
  Closing(const repository::Repository& repository, env::FileSystem& files,
          const ClosingRequest& request, Progress& progress)
      : repository_(repository),
        request_(request),
        started_(repository.clock().elapsed()),
        writer_(repository),
        reader_(repository, writer_.index()),
        encoder_(repository.keys(), request.compression_level),
        base_(trusted_base(files, progress)),
        table_(DigestTable::succeed(*base_.digests)) {}

  Snapshot run();

 private:
  BaseState trusted_base(env::FileSystem& files, Progress& progress);
  void store_pages();
  void gather_small_packs();
  void add_page(std::uint32_t number, const PageDigest& digest, ByteView content);
  void store_group();
  void note_digests();
  void compare_checksum() const;
  Snapshot describe(const MapUpdate& map) const;

  const repository::Repository& repository_;
  const ClosingRequest& request_;
  Duration started_;
  repository::Writer writer_;
  repository::BlobReader reader_;
  repository::BlobEncoder encoder_;
  BaseState base_;
  DigestTable table_;
  Placements placements_;
  std::uint64_t gathered_ = 0;        // pages that were stored again though they did not change
  std::vector<std::uint32_t> pages_;  // of the group that is being gathered
  std::vector<PageDigest> digests_;
  Bytes content_;
  std::uint64_t bytes_stored_ = 0;
};

// Only a base about which nothing is in doubt: otherwise reading the database is the better way.
BaseState Closing::trusted_base(env::FileSystem& files, Progress& progress) {
  const auto found = DigestTable::open(files, request_.digest_table, repository_.keys().cache);
  if (!found || found->header().snapshot != request_.base.id ||
      found->header().page_size != request_.page_size) {
    throw Error(
        ErrorCode::kChecksumMismatch,
        fmt::format("the local page digests of {} belong to another snapshot", request_.database));
  }
  auto base = find_base(repository_, files, reader_,
                        {.database = request_.database, .table = request_.digest_table}, progress);
  if (!base || !base->digests || !base->digests->published() ||
      base->digests->header().snapshot != request_.base.id) {
    throw Error(ErrorCode::kMissingObject,
                fmt::format("the snapshot that the timeline of {} goes on from is gone",
                            request_.database));
  }
  if (!base->lost.empty() || base->unreadable.count > 0 || !base->damaged.empty()) {
    throw Error(ErrorCode::kMissingObject,
                fmt::format("the snapshot that the timeline of {} goes on from has lost content",
                            request_.database));
  }
  return *std::move(base);
}

void Closing::store_group() {
  if (pages_.empty()) return;
  const BlobId id = repository::pages_id(repository_.keys(), request_.page_size, digests_);
  bytes_stored_ += writer_.add_pages(encoder_, id, content_, digests_);
  placements_.add(id, pages_);
  pages_.clear();
  digests_.clear();
  content_.clear();
}

void Closing::add_page(std::uint32_t number, const PageDigest& digest, ByteView content) {
  pages_.push_back(number);
  digests_.push_back(digest);
  content_.insert(content_.end(), content.begin(), content.end());
  if (content_.size() >= kClosingGroupBytes) store_group();
}

void Closing::store_pages() {
  for (const auto& [number, page] : request_.overlay->pages()) {
    if (number > request_.page_count) break;
    if (page.content->size() != request_.page_size) {
      throw Error(ErrorCode::kInternal, "a page of another size waits to be closed");
    }
    add_page(number, page.digest, *page.content);
  }
  store_group();
}

// Only content that the table knows: anything else stays where it is.
void Closing::gather_small_packs() {
  const auto packs = packs_to_gather(base_);
  if (packs.empty()) return;
  const codec::PageHasher hasher(repository_.keys().pages);
  std::array<PageDigest, kChunkPages> known;
  std::optional<std::uint64_t> chunk;
  visit_pages_in(packs, base_, reader_, [&](std::uint32_t number, ByteView content) {
    if (number > request_.page_count || request_.overlay->find(number) != nullptr) return;
    if (chunk != (number - 1) / kChunkPages) {
      chunk = (number - 1) / kChunkPages;
      table_.read_chunk(*chunk, known);
    }
    const PageDigest digest = hasher.digest(content);
    if (digest != known[(number - 1) % kChunkPages]) return;
    add_page(number, digest, content);
    ++gathered_;
  });
  store_group();
}

void Closing::note_digests() {
  const auto& pages = request_.overlay->pages();
  std::array<PageDigest, kChunkPages> before, now;
  for (auto at = pages.begin(); at != pages.end() && at->first <= request_.page_count;) {
    const std::uint64_t chunk = (at->first - 1) / kChunkPages;
    before.fill({});
    if (chunk * kChunkPages < base_.state.page_count) table_.read_chunk(chunk, before);
    now = before;
    for (; at != pages.end() && (at->first - 1) / kChunkPages == chunk; ++at) {
      if (at->first <= request_.page_count) now[(at->first - 1) % kChunkPages] = at->second.digest;
    }
    table_.change_chunk(chunk, before, now);
  }
}

void Closing::compare_checksum() const {
  const codec::ChecksumKey key(repository_.keys().checksum);
  const PageDigest sum = RunningChecksum::sum_of(table_, key, request_.page_count);
  if (RunningChecksum(key, request_.page_size, request_.page_count, sum).finish() !=
      request_.checksum) {
    throw Error(ErrorCode::kChecksumMismatch,
                fmt::format("what was learnt of {} since its last snapshot does not add up",
                            request_.database));
  }
}

Snapshot Closing::describe(const MapUpdate& map) const {
  // Tables as of the base: nothing was read that could be counted.
  DatabaseState state = base_.state;
  state.name = request_.database;
  state.source = request_.source;
  state.moment = request_.moment;
  state.page_count = request_.page_count;
  if (const auto* first = request_.overlay->find(1)) {
    const bool wal = sqlite::FileHeader::parse(*first->content).says_wal;
    state.journal_mode = wal ? "wal" : "rollback";
  }
  state.map = map.root;
  state.map_height = repository::map_height(request_.page_count);
  state.checksum = request_.checksum;
  state.tables_counted = false;
  state.pages_changed = map.pages_changed - gathered_;
  state.bytes_read = 0;
  state.bytes_stored = bytes_stored_ + map.bytes_stored;
  Snapshot snapshot;
  codec::random_bytes(snapshot.id.bytes);
  snapshot.name =
      fmt::format("{}_replicated_{}", request_.database, format_compact(request_.moment));
  snapshot.time = request_.moment;
  snapshot.tags = {std::string(repository::kReplicatedTag)};
  snapshot.host = env::this_process().host;
  snapshot.user = env::user_name();
  snapshot.version = kVersion;
  snapshot.command = request_.command;
  snapshot.seconds =
      std::chrono::duration<double>(repository_.clock().elapsed() - started_).count();
  snapshot.databases.push_back(std::move(state));
  return snapshot;
}

Snapshot Closing::run() {
  store_pages();
  gather_small_packs();
  note_digests();
  compare_checksum();
  const MapUpdate map = write_map(writer_, reader_, &base_, placements_, request_.page_count,
                                  {.compression_level = request_.compression_level, .threads = 1});
  Snapshot snapshot = describe(map);
  writer_.commit(snapshot);
  try {
    table_.publish({.series = repository::series_of(repository_, snapshot.databases),
                    .snapshot = snapshot.id,
                    .page_size = request_.page_size,
                    .page_count = request_.page_count});
  } catch (const Error&) {
    // The caller finds the table of another snapshot there, and reads the database.
  }
  return snapshot;
}

}  // namespace

Snapshot close_timeline(const repository::Repository& repository, env::FileSystem& files,
                        const ClosingRequest& request, Progress& progress) {
  return Closing(repository, files, request, progress).run();
}

}  // namespace holdfast::engine
