// Histories of made-up databases, for tests of writers, prune and verify: a page is 512 bytes that
// follow from a number, four pages make a blob.
#ifndef HOLDFAST_REPOSITORY_TEST_HISTORY_H_
#define HOLDFAST_REPOSITORY_TEST_HISTORY_H_

#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "base/progress.h"
#include "codec/page_digest.h"
#include "env/clock.h"
#include "repository/blob_reader.h"
#include "repository/page_map.h"
#include "repository/test_repository.h"
#include "repository/writer.h"
#include "storage/memory/memory_store.h"

namespace holdfast::repository {

// Moves when told and while somebody waits who cannot be stopped. A heartbeat rests until the end.
class RestingClock final : public env::Clock {
 public:
  Time now() override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  Duration elapsed() override {
    const std::scoped_lock lock(mutex_);
    return elapsed_;
  }
  bool wait(Duration duration, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    if (stop.stop_possible()) {
      stopped_.wait(lock, stop, [] { return false; });
      return false;
    }
    now_ += duration;
    elapsed_ += duration;
    return true;
  }
  void advance(Duration duration) {
    const std::scoped_lock lock(mutex_);
    now_ += duration;
    elapsed_ += duration;
  }
  // As an administrator does: no time passes.
  void set_back(Duration duration) {
    const std::scoped_lock lock(mutex_);
    now_ -= duration;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  Time now_ = time_of("2026-11-21T03:24:15Z");
  Duration elapsed_{0};
};

// The numbers of a database's pages.
using Numbers = std::vector<std::uint32_t>;
inline constexpr std::uint32_t kPageSize = 512;
inline constexpr std::size_t kBlobPages = 4;

inline Bytes page_content(std::uint32_t number) {
  Bytes page(kPageSize);
  std::mt19937 random(number);
  for (std::byte& byte : page) byte = static_cast<std::byte>(random() & 0xff);
  return page;
}

inline Bytes content_of(const Numbers& numbers) {
  Bytes content;
  for (const std::uint32_t number : numbers) {
    const Bytes page = page_content(number);
    content.insert(content.end(), page.begin(), page.end());
  }
  return content;
}

// What a snapshot says of a database of these pages.
inline void describe(DatabaseState& state, const Numbers& numbers, const BlobId& map,
                     const codec::DatabaseChecksum& sum) {
  state.page_size = kPageSize;
  state.page_count = numbers.size();
  state.map = map;
  state.map_height = map_height(numbers.size());
  state.checksum = sum.finish(kPageSize, numbers.size());
}

// Adds everything that the database needs and describes it in a snapshot that is not yet committed.
inline Snapshot add_database(Writer& writer, const Repository& repository, const Numbers& numbers,
                             std::uint64_t id) {
  const MasterKeys& keys = repository.keys();
  BlobEncoder encoder(keys, 1);
  const codec::PageHasher hasher(keys.pages);
  const codec::ChecksumKey checksum_key(keys.checksum);
  codec::DatabaseChecksum sum(checksum_key);
  const auto put_tree = [&](BlobKind kind, ByteView content) {
    const BlobId blob = content_id(keys, kind, content);
    writer.add_tree(encoder, blob, kind, content);
    return blob;
  };
  MapBuilder map([&](ByteView node) { return put_tree(BlobKind::kMapNode, node); });
  LeafBuilder leaf;
  for (std::size_t first = 0; first < numbers.size(); first += kBlobPages) {
    const std::size_t count = std::min(kBlobPages, numbers.size() - first);
    const Bytes content =
        content_of({numbers.begin() + static_cast<std::ptrdiff_t>(first),
                    numbers.begin() + static_cast<std::ptrdiff_t>(first + count)});
    std::vector<codec::PageDigest> digests(count);
    hasher.digest_pages(content, kPageSize, digests);
    const BlobId blob = pages_id(keys, kPageSize, digests);
    writer.add_pages(encoder, blob, content, digests);
    sum.add(first + 1, digests);
    leaf.add(blob, 0, static_cast<std::uint32_t>(count));
    if (leaf.pages() == kLeafPages || first + count == numbers.size()) {
      map.add_leaf(put_tree(BlobKind::kMapLeaf, serialize(leaf.take())));
    }
  }
  Snapshot snapshot = make_snapshot(id, repository.clock().now());
  describe(snapshot.databases.front(), numbers, map.finish(), sum);
  return snapshot;
}

inline Snapshot back_up(const Repository& repository, const Numbers& numbers, std::uint64_t id) {
  Writer writer(repository);
  Snapshot snapshot = add_database(writer, repository, numbers, id);
  writer.commit(snapshot);
  return snapshot;
}

// What a restore would write. Throws as BlobReader does.
inline Bytes restored(const Repository& repository, const Snapshot& snapshot) {
  const DatabaseState& state = snapshot.databases.front();
  const LoadedIndex loaded = load_index(repository);
  const BlobReader reader(repository, loaded.index);
  BlobDecoder decoder(repository.keys());
  Bytes content, buffer;
  visit_leaves(state.map, state.page_count, reader.node_getter(decoder),
               [&](std::uint64_t number, const BlobId& id) {
                 const MapLeaf leaf = parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder),
                                                 leaf_pages(state.page_count, number));
                 for (const LeafRun& run : leaf.runs) {
                   const ByteView pages = reader.read(leaf.blobs.at(run.blob), decoder, buffer);
                   const ByteView part = pages.subspan(run.slot * kPageSize, run.count * kPageSize);
                   content.insert(content.end(), part.begin(), part.end());
                 }
               });
  return content;
}

// Numbers first, first + 1, …
inline Numbers numbered(std::uint32_t first, std::size_t count) {
  Numbers numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = first + static_cast<std::uint32_t>(i);
  return numbers;
}

// A repository in memory that several threads may use.
struct HistoryRepository {
  RestingClock clock;
  storage::MemoryStore store{clock};
  Repository repository =
      Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
};

inline std::vector<std::string> names_below(storage::Store& store, std::string_view prefix) {
  std::vector<std::string> names;
  store.list(prefix, [&](std::string_view name, const auto&) { names.emplace_back(name); });
  return names;
}

inline void flip_bit(storage::Store& store, const std::string& name, std::size_t at) {
  Bytes content = store.get(name);
  content.at(at) ^= std::byte{4};
  store.put(name, content, {.mode = storage::PutMode::kReplace});
}

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEST_HISTORY_H_
