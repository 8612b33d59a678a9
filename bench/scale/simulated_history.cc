#include "scale/simulated_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "codec/secret_key.h"
#include "repository/index.h"

namespace holdfast::scale {
namespace {

using repository::BlobKind;

constexpr std::uint64_t kDatabasesAWriter = 100;
constexpr std::uint64_t kNumbersADatabase = std::uint64_t{1} << 32;
constexpr std::size_t kPacksAnIndex = 1000;

// Packs of made-up pages, listed in index objects.
class MadeUpPacks {
 public:
  MadeUpPacks(const repository::Repository& repository, SimulatedStore& store,
              const MadeUpPages& pages)
      : repository_(repository), store_(store), pages_(pages) {}

  void add(const std::vector<std::uint64_t>& numbers) {
    for (std::size_t at = 0; at < numbers.size(); at += kPackBlobs) {
      const std::size_t end = std::min(numbers.size(), at + kPackBlobs);
      const std::vector<std::uint64_t> some(numbers.begin() + static_cast<std::ptrdiff_t>(at),
                                            numbers.begin() + static_cast<std::ptrdiff_t>(end));
      repository::PackDescription pack = describe_pack(pages_, repository::random_pack_id(), some);
      store_.add_made_up(pack.id, some, pack.size());
      content_.packs.push_back(std::move(pack));
      if (content_.packs.size() == kPacksAnIndex) flush();
    }
  }
  void flush() {
    if (content_.packs.empty()) return;
    repository::put_index(repository_, std::exchange(content_, {}));
  }

 private:
  const repository::Repository& repository_;
  SimulatedStore& store_;
  const MadeUpPages& pages_;
  repository::IndexContent content_;
};

}  // namespace

SimulatedDatabase::SimulatedDatabase(const Shape& shape, std::uint64_t number)
    : shape_(shape),
      number_(number),
      name_(fmt::format("database_{:04}", number)),
      random_(shape.seed * 1'000'003 + number),
      slots_(shape.pages),
      leaves_(repository::leaf_count(shape.pages)) {}

std::uint64_t SimulatedDatabase::new_blob() {
  const std::uint64_t number = number_ * kNumbersADatabase + blobs_made_++;
  unnamed_.push_back(number);
  return number;
}

SimulatedDatabase::Change SimulatedDatabase::first() {
  Change change;
  for (std::uint64_t page = 0; page < shape_.pages; ++page) {
    if (page % kBlobPages == 0) change.blobs.push_back(new_blob());
    slots_[page] = {static_cast<std::uint32_t>(blobs_made_ - 1),
                    static_cast<std::uint16_t>(page % kBlobPages)};
  }
  for (std::uint64_t leaf = 0; leaf < leaves_.size(); ++leaf) change.leaves.push_back(leaf);
  return change;
}

SimulatedDatabase::Change SimulatedDatabase::next() {
  std::set<std::uint64_t> leaves;
  const std::uint64_t wanted = std::min<std::uint64_t>(shape_.leaves_changed, leaves_.size());
  while (leaves.size() < wanted) leaves.insert(random_() % leaves_.size());
  Change change;
  std::uint16_t slot = kBlobPages;
  for (const std::uint64_t leaf : leaves) {
    const std::uint64_t size = repository::leaf_pages(shape_.pages, leaf);
    std::set<std::uint64_t> pages;
    const std::uint64_t most = std::min(shape_.pages_in_each, size);
    while (pages.size() < most) pages.insert(leaf * repository::kLeafPages + random_() % size);
    for (const std::uint64_t page : pages) {
      if (slot == kBlobPages) {
        change.blobs.push_back(new_blob());
        slot = 0;
      }
      slots_[page] = {static_cast<std::uint32_t>(blobs_made_ - 1), slot++};
    }
  }
  change.leaves.assign(leaves.begin(), leaves.end());
  return change;
}

repository::MapLeaf SimulatedDatabase::leaf(std::uint64_t number) const {
  repository::LeafBuilder builder;
  const std::uint64_t first = number * repository::kLeafPages;
  const std::uint64_t end = first + repository::leaf_pages(shape_.pages, number);
  for (std::uint64_t page = first; page < end;) {
    const Slot start = slots_[page];
    std::uint32_t count = 1;
    while (page + count < end && slots_[page + count].blob == start.blob &&
           slots_[page + count].slot == start.slot + count) {
      ++count;
    }
    builder.add(blobs_[start.blob], start.slot, count);
    page += count;
  }
  return builder.take();
}

repository::Snapshot SimulatedDatabase::add_map(repository::Writer& writer,
                                                repository::BlobEncoder& encoder,
                                                const MadeUpPages& pages, const Change& change,
                                                Time time) {
  for (const std::uint64_t number : std::exchange(unnamed_, {})) blobs_.push_back(pages.id(number));
  const repository::MasterKeys& keys = encoder.keys();
  std::uint64_t stored = change.blobs.size() * std::uint64_t{pages.stored_size()};
  const auto put_tree = [&](BlobKind kind, ByteView content) {
    const BlobId id = repository::content_id(keys, kind, content);
    stored += writer.add_tree(encoder, id, kind, content);
    return id;
  };
  for (const std::uint64_t number : change.leaves) {
    leaves_[number] = put_tree(BlobKind::kMapLeaf, serialize(leaf(number)));
  }
  repository::MapBuilder map([&](ByteView node) { return put_tree(BlobKind::kMapNode, node); });
  for (const BlobId& id : leaves_) map.add_leaf(id);

  repository::Snapshot snapshot;
  codec::random_bytes(snapshot.id.bytes);
  snapshot.name = fmt::format("{}_{}", name_, ++snapshots_made_);
  snapshot.time = time;
  snapshot.host = "simulation";
  snapshot.version = HOLDFAST_VERSION;
  repository::DatabaseState& state = snapshot.databases.emplace_back();
  state.name = name_;
  state.source = "/srv/" + name_;
  state.moment = time;
  state.page_size = kPageSize;
  state.page_count = shape_.pages;
  state.journal_mode = "wal";
  state.map = map.finish();
  state.map_height = repository::map_height(shape_.pages);
  state.checksum = std::string(64, '0');  // nobody restores a whole one
  state.pages_changed = change.blobs.size() * kBlobPages;
  state.bytes_stored = stored;
  return snapshot;
}

History lay_history(const repository::Repository& repository, SimulatedStore& store,
                    VirtualClock& clock, const MadeUpPages& pages, const Shape& shape) {
  History history;
  repository::BlobEncoder encoder(repository.keys(), 1);
  for (std::uint64_t first = 0; first < shape.databases; first += kDatabasesAWriter) {
    repository::Writer writer(repository);
    MadeUpPacks packs(repository, store, pages);
    const std::size_t begin = history.snapshots.size();
    for (std::uint64_t i = first; i < std::min(shape.databases, first + kDatabasesAWriter); ++i) {
      history.last = std::make_unique<SimulatedDatabase>(shape, i);
      SimulatedDatabase& database = *history.last;
      for (std::uint64_t made = 0; made < shape.snapshots; ++made) {
        const SimulatedDatabase::Change change = made == 0 ? database.first() : database.next();
        packs.add(change.blobs);
        const Time time = clock.now() + std::chrono::hours(24) * made;
        history.snapshots.push_back(database.add_map(writer, encoder, pages, change, time));
        writer.close_packs();  // as each backup has packs of its own
      }
    }
    packs.flush();
    writer.flush();
    for (std::size_t i = begin; i < history.snapshots.size(); ++i) {
      put_snapshot(repository, history.snapshots[i]);
    }
  }
  clock.advance(std::chrono::hours(24) * shape.snapshots);
  return history;
}

}  // namespace holdfast::scale
