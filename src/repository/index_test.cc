#include "repository/index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "repository/test_history.h"

namespace holdfast::repository {
namespace {

BlobId blob(std::uint64_t number) {
  BlobId id;
  holdfast::store(id.bytes.data(), number * 0x9e3779b97f4a7c15);
  return id;
}

PackDescription pack_with(std::uint64_t first, std::uint64_t blobs) {
  PackDescription pack{
      .id = random_pack_id(), .digests_size = 0, .directory_size = 60, .entries = {}};
  for (std::uint64_t i = 0; i < blobs; ++i) {
    pack.entries.push_back({.id = blob(first + i),
                            .kind = BlobKind::kMapLeaf,
                            .compression = codec::Compression::kNone,
                            .pages = 0,
                            .raw_size = 20,
                            .stored_size = 60});
  }
  return pack;
}

TEST(Index, FindsEveryBlobOfManyPacks) {
  Index index;
  std::vector<PackDescription> packs;
  for (std::uint64_t i = 0; i < 50; ++i) {
    packs.push_back(pack_with(100 * i, 40));
    index.add(packs.back());
  }
  EXPECT_EQ(index.blob_count(), 2000);
  for (std::uint64_t i = 0; i < 50; ++i) {
    for (std::uint64_t k = 0; k < 40; ++k) {
      const auto found = index.find(blob(100 * i + k));
      ASSERT_EQ(found.size(), 1);
      EXPECT_EQ(found.front().pack, packs[i].id);
      EXPECT_EQ(found.front().offset, kPackHeaderSize + 60 * k);
    }
    EXPECT_FALSE(index.contains(blob(100 * i + 40)));
  }
}

TEST(Index, ListsAPackOnceHoweverOftenItIsAdded) {
  Index index;
  const PackDescription pack = pack_with(0, 3);
  index.add(pack);
  index.add(pack);
  EXPECT_EQ(index.packs().size(), 1);
  EXPECT_EQ(index.find(blob(1)).size(), 1);
}

TEST(Index, UsesNoPlaceThatIsWithdrawn) {
  Index index;
  const PackDescription one = pack_with(0, 3), other = pack_with(2, 3);
  index.withdraw({one.id, blob(0)});
  index.withdraw({one.id, blob(2)});
  index.add(one);
  index.add(other);
  EXPECT_FALSE(index.contains(blob(0)));
  EXPECT_TRUE(index.contains(blob(1)));
  ASSERT_EQ(index.find(blob(2)).size(), 1);
  EXPECT_EQ(index.find(blob(2)).front().pack, other.id);
  EXPECT_FALSE(index.holds_all(one));
  EXPECT_TRUE(index.holds_all(other));
}

TEST(IndexObject, IsReadBackAsItWasWritten) {
  IndexContent content{.packs = {pack_with(0, 5), pack_with(9, 1)},
                       .withdrawn = {{random_pack_id(), blob(3)}, {random_pack_id(), kPackItself}}};
  const Bytes written = serialize(content);
  const IndexContent read = parse_index(written);
  ASSERT_EQ(read.packs.size(), 2);
  EXPECT_EQ(read.packs[0].entries, content.packs[0].entries);
  EXPECT_EQ(read.packs[1].id, content.packs[1].id);
  EXPECT_EQ(read.withdrawn, content.withdrawn);
  for (std::size_t size = 0; size < written.size(); ++size) {
    EXPECT_THROW(parse_index(ByteView(written).first(size)), Error) << size;
  }
}

class LoadIndexTest : public testing::Test {
 protected:
  LoadIndexTest() {
    for (std::uint32_t i = 0; i < 3; ++i) {
      snapshots.push_back(back_up(at.repository, numbered(100 * i, 8), i + 1));
    }
  }
  void expect_all_restored() {
    for (std::uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(restored(at.repository, snapshots[i]), content_of(numbered(100 * i, 8)));
    }
  }
  HistoryRepository at;
  std::vector<Snapshot> snapshots;
};

TEST_F(LoadIndexTest, IsTheUnionOfAllObjects) {
  const LoadedIndex loaded = load_index(at.repository);
  EXPECT_EQ(loaded.objects.size(), 3);
  EXPECT_EQ(loaded.index.packs().size(), 3);
  EXPECT_TRUE(loaded.unindexed.empty());
}

TEST_F(LoadIndexTest, AdoptsPacksThatNoObjectLists) {
  for (const std::string& name : names_below(at.store, "index/")) at.store.remove(name);
  const LoadedIndex loaded = load_index(at.repository);
  EXPECT_EQ(loaded.unindexed.size(), 3);
  expect_all_restored();
}

TEST_F(LoadIndexTest, GoesOnBesideADamagedObject) {
  const std::string name = names_below(at.store, "index/").front();
  flip_bit(at.store, name, 20);
  const LoadedIndex loaded = load_index(at.repository);
  EXPECT_EQ(loaded.unreadable, std::vector<std::string>{name});
  EXPECT_EQ(loaded.unindexed.size(), 1);
  expect_all_restored();
}

TEST_F(LoadIndexTest, LeavesOutPacksThatAreMissingOrCutShort) {
  const auto names = names_below(at.store, "packs/");
  at.store.remove(names[0]);
  const Bytes content = at.store.get(names[1]);
  at.store.put(names[1], ByteView(content).first(content.size() - 1),
               {.mode = storage::PutMode::kReplace});
  const LoadedIndex loaded = load_index(at.repository);
  EXPECT_EQ(loaded.lost_packs.size(), 2);
  EXPECT_EQ(loaded.index.packs().size(), 1);
  EXPECT_TRUE(loaded.unreadable_packs.empty());
}

TEST_F(LoadIndexTest, NamesAnUnlistedPackThatCannotBeRead) {
  for (const std::string& name : names_below(at.store, "index/")) at.store.remove(name);
  const std::string name = names_below(at.store, "packs/").front();
  flip_bit(at.store, name, at.store.stat(name)->size - 1);
  EXPECT_EQ(load_index(at.repository).unreadable_packs, std::vector<std::string>{name});
}

TEST_F(LoadIndexTest, LeavesOutWhatItIsTold) {
  const PackId id = *pack_of(names_below(at.store, "packs/").front());
  const LoadedIndex loaded = load_index(at.repository, {.except = {id}});
  EXPECT_FALSE(loaded.index.has_pack(id));
  EXPECT_EQ(loaded.left_out, 1);
  EXPECT_TRUE(loaded.lost_packs.empty());
  EXPECT_TRUE(loaded.unindexed.empty());
}

TEST_F(LoadIndexTest, IgnoresWhatIsNoPack) {
  at.store.put("packs/readme", as_bytes("hello"));
  EXPECT_TRUE(load_index(at.repository).unreadable_packs.empty());
}

}  // namespace
}  // namespace holdfast::repository
