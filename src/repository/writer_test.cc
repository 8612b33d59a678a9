#include "repository/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "repository/test_history.h"
#include "storage/fault_store.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// Notes the folder of each put and remove, in order.
class RecordingStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    StoreDecorator::put(name, content, options);
    note("put ", name);
  }
  std::optional<storage::ObjectStatus> stat(std::string_view name) override {
    if (name.ends_with("-broken")) note("look for the marker of ", name);
    return StoreDecorator::stat(name);
  }
  void remove(std::string_view name) override {
    StoreDecorator::remove(name);
    note("remove ", name);
  }
  std::vector<std::string> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  void note(std::string_view verb, std::string_view name) {
    const std::scoped_lock lock(mutex_);
    notes_.push_back(std::string(verb) + std::string(name.substr(0, name.find('/'))));
  }
  std::mutex mutex_;
  std::vector<std::string> notes_;
};

struct RecordedRepository {
  RestingClock clock;
  storage::MemoryStore memory{clock};
  storage::FaultStore faults{memory, 1};
  RecordingStore store{faults};
  Repository repository =
      Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
};

class WriterTest : public testing::Test {
 protected:
  WriterTest() { at.store.take(); }
  RecordedRepository at;
};

TEST_F(WriterTest, WritesPacksThenTheIndexThenTheSnapshotAndThenLooksForItsIntent) {
  back_up(at.repository, numbered(0, 20), 1);
  EXPECT_EQ(at.store.take(),
            (std::vector<std::string>{"put intents", "put packs", "put index", "put snapshots",
                                      "look for the marker of intents", "remove intents",
                                      "look for the marker of intents"}));
}

TEST_F(WriterTest, StoresWhatIsThereAlreadyNeverAgain) {
  back_up(at.repository, numbered(0, 20), 1);
  const auto packs = names_below(at.memory, "packs/");
  Writer writer(at.repository);
  const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 20), 2);
  writer.commit(snapshot);
  EXPECT_EQ(writer.bytes_stored(), 0);
  EXPECT_EQ(names_below(at.memory, "packs/"), packs);
  EXPECT_EQ(names_below(at.memory, "index/").size(), 1);
  EXPECT_EQ(restored(at.repository, snapshot), content_of(numbered(0, 20)));
}

TEST_F(WriterTest, StoresABlobOnceHoweverOftenItIsAdded) {
  Numbers numbers = numbered(0, 4);
  for (int i = 0; i < 5; ++i) numbers.insert(numbers.end(), numbers.begin(), numbers.begin() + 4);
  const Snapshot snapshot = back_up(at.repository, numbers, 1);
  EXPECT_EQ(load_index(at.repository).index.blob_count(), 2);
  EXPECT_EQ(restored(at.repository, snapshot), content_of(numbers));
}

TEST_F(WriterTest, TellsHowManyBytesABlobAdds) {
  Writer writer(at.repository);
  BlobEncoder encoder(at.repository.keys(), 1);
  const Bytes content(1000, std::byte{1});
  const BlobId id = content_id(at.repository.keys(), BlobKind::kMapLeaf, content);
  EXPECT_GT(writer.add_tree(encoder, id, BlobKind::kMapLeaf, content), BlobEntry::kWrittenSize);
  EXPECT_EQ(writer.add_tree(encoder, id, BlobKind::kMapLeaf, content), 0);
}

TEST_F(WriterTest, AdoptsThePacksOfAnInterruptedBackup) {
  {
    Writer writer(at.repository);
    add_database(writer, at.repository, numbered(0, 20), 1);
    writer.flush();
  }
  for (const std::string& name : names_below(at.memory, "index/")) at.memory.remove(name);
  at.store.take();
  back_up(at.repository, numbered(0, 20), 2);
  const auto notes = at.store.take();
  EXPECT_EQ(std::ranges::count(notes, "put packs"), 0);
  EXPECT_EQ(std::ranges::count(notes, "put index"), 1) << "the pack was not put on the index";
}

TEST_F(WriterTest, ClosesPacksWhileMoreIsAdded) {
  Writer writer(at.repository);
  BlobEncoder encoder(at.repository.keys(), 1);
  const codec::PageHasher hasher(at.repository.keys().pages);
  std::mt19937_64 random(1);
  Bytes pages(1u << 20);
  for (int i = 0; i < 40; ++i) {
    for (std::size_t byte = 0; byte < pages.size(); byte += 8) {
      holdfast::store(pages.data() + byte, random());
    }
    std::vector<codec::PageDigest> digests(256);
    hasher.digest_pages(pages, 4096, digests);
    writer.add_pages(encoder, pages_id(at.repository.keys(), 4096, digests), pages, digests);
  }
  writer.flush();
  EXPECT_EQ(names_below(at.memory, "packs/").size(), 3);
  EXPECT_EQ(load_index(at.repository).index.blob_count(), 40);
  EXPECT_GT(writer.bytes_stored(), 40u << 20);
}

TEST_F(WriterTest, ThrowsWhatFailedInTheUploaderAndAcknowledgesNothing) {
  at.faults.inject({.verb = storage::Verb::kPut, .prefix = "packs/", .code = ErrorCode::kDiskFull});
  Writer writer(at.repository);
  const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 20), 1);
  expect_error(ErrorCode::kDiskFull, [&] { writer.commit(snapshot); });
  at.faults.repair();
  expect_error(ErrorCode::kDiskFull, [&] { writer.commit(snapshot); });
  EXPECT_TRUE(names_below(at.memory, "snapshots/").empty());
  EXPECT_TRUE(names_below(at.memory, "index/").empty());
}

TEST_F(WriterTest, WritesNoSnapshotWithoutItsIndex) {
  at.faults.inject({.verb = storage::Verb::kPut, .prefix = "index/"});
  expect_error(ErrorCode::kUnavailable, [&] { back_up(at.repository, numbered(0, 20), 1); });
  EXPECT_TRUE(names_below(at.memory, "snapshots/").empty());
}

TEST_F(WriterTest, WithdrawsASnapshotThatWasStoredAlthoughItsPutFailed) {
  at.faults.inject({.kind = storage::Fault::Kind::kFailAfter,
                    .verb = storage::Verb::kPut,
                    .prefix = "snapshots/"});
  expect_error(ErrorCode::kUnavailable, [&] { back_up(at.repository, numbered(0, 20), 1); });
  EXPECT_TRUE(names_below(at.memory, "snapshots/").empty());
}

TEST_F(WriterTest, StoresAgainWhatItDoesNotTrust) {
  const Snapshot first = back_up(at.repository, numbered(0, 20), 1);
  const BlobId leaf = first.databases.front().map;
  const PackId old = load_index(at.repository).index.find(leaf).front().pack;
  Writer writer(at.repository);
  writer.distrust(leaf);
  writer.commit(add_database(writer, at.repository, numbered(0, 20), 2));
  const auto places = load_index(at.repository).index.find(leaf);
  ASSERT_EQ(places.size(), 1);
  EXPECT_NE(places.front().pack, old);
}

TEST_F(WriterTest, KeepsWhatItDoesNotTrustWhereNothingBetterIsStored) {
  const Snapshot first = back_up(at.repository, numbered(0, 20), 1);
  Writer writer(at.repository);
  writer.distrust(first.databases.front().map);
  writer.commit(add_database(writer, at.repository, numbered(100, 20), 2));
  EXPECT_EQ(restored(at.repository, first), content_of(numbered(0, 20)));
}

IntentInfo only_intent(const Repository& repository) { return list_intents(repository).at(0); }

TEST_F(WriterTest, CommitsAfterAllWhenItsIntentIsLostAndEverythingIsThere) {
  Writer writer(at.repository);
  const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 20), 1);
  break_intent(at.repository, only_intent(at.repository));
  writer.commit(snapshot);
  EXPECT_EQ(restored(at.repository, snapshot), content_of(numbered(0, 20)));
}

TEST_F(WriterTest, WithdrawsWhenItsIntentIsLostAndAPackToo) {
  back_up(at.repository, numbered(0, 20), 1);
  Writer writer(at.repository);
  const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 20), 2);
  break_intent(at.repository, only_intent(at.repository));
  at.memory.remove(names_below(at.memory, "packs/").front());
  expect_error(ErrorCode::kIntentLost, [&] { writer.commit(snapshot); });
  EXPECT_EQ(snapshot_ids(at.repository), std::vector<SnapshotId>{snapshot_id(1)});
}

TEST_F(WriterTest, WithdrawsWhenItsIntentIsLostAndAPackIsCondemned) {
  back_up(at.repository, numbered(0, 20), 1);
  Writer writer(at.repository);
  const Snapshot snapshot = add_database(writer, at.repository, numbered(0, 20), 2);
  break_intent(at.repository, only_intent(at.repository));
  put_condemned(at.repository, {*pack_of(names_below(at.memory, "packs/").front())});
  expect_error(ErrorCode::kIntentLost, [&] { writer.commit(snapshot); });
}

TEST_F(WriterTest, WaitsForAPruneWhoseListCannotBeRead) {
  put_condemned(at.repository, {random_pack_id()});
  flip_bit(at.memory, names_below(at.memory, "condemned/").front(), 20);
  {
    const Intent prune(at.repository, IntentKind::kPrune);
    expect_error(ErrorCode::kPruneRunning, [&] { Writer writer(at.repository); });
  }
  back_up(at.repository, numbered(0, 20), 1);
}

}  // namespace
}  // namespace holdfast::repository
