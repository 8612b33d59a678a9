// A repository in memory with a machine that may only write, for tests of sealed sessions.
#ifndef HOLDFAST_REPOSITORY_TEST_SEALED_H_
#define HOLDFAST_REPOSITORY_TEST_SEALED_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "repository/adoption.h"
#include "repository/sealed_session.h"
#include "repository/test_history.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {

// What a machine remembers of its last backup.
struct Sent {
  Snapshot snapshot;
  Numbers numbers;
};

struct SealedRepository {
  RestingClock clock;
  storage::MemoryStore memory{clock};
  Repository repository =
      Repository::create(memory, clock, kPassphrase, "tests", kFastCost).repository;
  const WriteKey web = add_machine("web");

  WriteKey add_machine(std::string_view name) {
    const std::string passphrase = "of " + std::string(name);
    add_write_key(memory, repository.config(), repository.keys().master, passphrase, name,
                  clock.now(), kFastCost);
    return std::get<WriteKey>(unlock_any(memory, repository.config(), passphrase));
  }
  // The same repository by way of another store.
  Repository through(storage::Store& store) const {
    return Repository::within(store, repository.clock(), repository.config(), repository.keys());
  }
  std::vector<std::string> names(std::string_view prefix) { return names_below(memory, prefix); }
};

// The pages of one leaf that are not as they were in the base, in blobs, and its map.
class SendingLeaf {
 public:
  SendingLeaf(Writer& writer, const Repository& session, BlobEncoder& encoder)
      : writer_(writer), session_(session), encoder_(encoder), hasher_(session.keys().pages) {}

  void add_base_page() {
    flush();
    leaf_.add(kPagesOfBase, static_cast<std::uint32_t>(leaf_.pages()), 1);
  }
  void add_page(std::uint32_t number) {
    waiting_.push_back(number);
    if (waiting_.size() == kBlobPages) flush();
  }
  std::uint64_t pages() const { return leaf_.pages() + waiting_.size(); }
  Bytes finish() {
    flush();
    return serialize(leaf_.take());
  }

 private:
  void flush() {
    if (waiting_.empty()) return;
    const Bytes content = content_of(waiting_);
    std::vector<codec::PageDigest> digests(waiting_.size());
    hasher_.digest_pages(content, kPageSize, digests);
    const BlobId id = pages_id(session_.keys(), kPageSize, digests);
    writer_.add_pages(encoder_, id, content, digests);
    leaf_.add(id, 0, static_cast<std::uint32_t>(waiting_.size()));
    waiting_.clear();
  }

  Writer& writer_;
  const Repository& session_;
  BlobEncoder& encoder_;
  codec::PageHasher hasher_;
  LeafBuilder leaf_;
  Numbers waiting_;
};

// Everything but the snapshot.
inline Snapshot fill_session(const SealedSession& session, Writer& writer, const Numbers& numbers,
                             const Sent* base, std::string database = "orders") {
  const Repository& place = session.repository();
  const MasterKeys& keys = place.keys();
  const codec::PageHasher hasher(keys.pages);
  const codec::ChecksumKey checksum_key(keys.checksum);
  codec::DatabaseChecksum sum(checksum_key), replaced(checksum_key);
  const auto digest = [&](std::uint32_t number) { return hasher.digest(page_content(number)); };
  BlobEncoder encoder(keys, 1);
  const auto put_tree = [&](BlobKind kind, ByteView content) {
    const BlobId id = content_id(keys, kind, content);
    writer.add_tree(encoder, id, kind, content);
    return id;
  };
  MapBuilder map([&](ByteView node) { return put_tree(BlobKind::kMapNode, node); });
  SendingLeaf leaf(writer, place, encoder);
  const std::size_t known = base == nullptr ? 0 : base->numbers.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const codec::PageDigest now = digest(numbers[i]);
    sum.add(i + 1, std::span(&now, 1));
    if (i < known && base->numbers[i] == numbers[i]) {
      leaf.add_base_page();
    } else {
      leaf.add_page(numbers[i]);
    }
    if (leaf.pages() == kLeafPages || i + 1 == numbers.size()) {
      map.add_leaf(put_tree(BlobKind::kMapLeaf, leaf.finish()));
    }
  }
  for (std::size_t i = 0; i < known; ++i) {
    if (i < numbers.size() && base->numbers[i] == numbers[i]) continue;
    const codec::PageDigest before = digest(base->numbers[i]);
    replaced.add(i + 1, std::span(&before, 1));
  }
  Snapshot snapshot = make_snapshot(0, place.clock().now(), std::move(database));
  snapshot.id = session.id();
  snapshot.machine = session.key().info.id;
  snapshot.host = session.key().info.label;
  DatabaseState& state = snapshot.databases.front();
  describe(state, numbers, map.finish(), sum);
  if (base != nullptr) {
    state.base = SealedBase{.snapshot = base->snapshot.id, .replaced = replaced.sum()};
  }
  return snapshot;
}

using ChangeSnapshot = std::function<void(Snapshot&)>;

inline Sent send(storage::Store& store, const SealedRepository& site, const WriteKey& key,
                 const Numbers& numbers, const Sent* base = nullptr,
                 const ChangeSnapshot& change = {}) {
  const SealedSession session(store, site.repository.clock(), site.repository.config(), key);
  Writer writer(session.repository());
  Snapshot snapshot = fill_session(session, writer, numbers, base);
  if (change) change(snapshot);
  writer.commit(snapshot);
  return {.snapshot = std::move(snapshot), .numbers = numbers};
}

// Calls `interrupt` once, before call number `at` of those that reach the store.
class InterruptedStore final : public storage::StoreDecorator {
 public:
  InterruptedStore(storage::Store& base, std::size_t at, std::function<void()> interrupt)
      : StoreDecorator(base), at_(at), interrupt_(std::move(interrupt)) {}

  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    count();
    base().put(name, content, options);
  }
  Bytes get(std::string_view name) override {
    count();
    return base().get(name);
  }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    count();
    base().get_range(name, offset, out);
  }
  std::optional<storage::ObjectStatus> stat(std::string_view name) override {
    count();
    return base().stat(name);
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    count();
    base().list(prefix, visit);
  }
  void list_first(std::string_view prefix, const FirstVisitor& visit) override {
    count();
    base().list_first(prefix, visit);
  }
  void get_first(std::string_view name, const std::string& version, std::uint64_t offset,
                 MutableByteView out) override {
    count();
    base().get_first(name, version, offset, out);
  }
  void remove(std::string_view name) override {
    count();
    base().remove(name);
  }
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }

  bool interrupted() const { return calls_ >= at_; }

 private:
  void count() {
    bool now = false;
    {
      const std::lock_guard lock(mutex_);
      now = ++calls_ == at_;
    }
    if (now) interrupt_();
  }

  std::mutex mutex_;
  std::size_t calls_ = 0;
  const std::size_t at_;
  const std::function<void()> interrupt_;
};

// Removes nothing of sessions, as a bucket with object lock may.
class LockedStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void remove(std::string_view name) override {
    if (name.starts_with("sealed/")) throw Error(ErrorCode::kPermissionDenied, std::string(name));
    base().remove(name);
  }
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEST_SEALED_H_
