#include "repository/blob_reader.h"

#include <gtest/gtest.h>

#include "repository/prune.h"
#include "repository/test_history.h"

namespace holdfast::repository {
namespace {

// The same database in two packs, as two backups at once leave it.
class BlobReaderTest : public testing::Test {
 protected:
  BlobReaderTest() {
    Writer one(at.repository), other(at.repository);
    snapshot = add_database(one, at.repository, numbered(0, 8), 1);
    add_database(other, at.repository, numbered(0, 8), 2);
    one.commit(snapshot);
    other.flush();
    packs = names_below(at.store, "packs/");
    loaded = load_index(at.repository);
    leaf = snapshot.databases.front().map;
    pages = parse_leaf(read_leaf(), 8).blobs.front();
  }
  Bytes read_leaf() {
    BlobDecoder decoder(at.repository.keys());
    return BlobReader(at.repository, loaded.index).read_tree(leaf, BlobKind::kMapLeaf, decoder);
  }
  Bytes read_pages() {
    BlobDecoder decoder(at.repository.keys());
    Bytes buffer;
    const ByteView read = BlobReader(at.repository, loaded.index).read(pages, decoder, buffer);
    return {read.begin(), read.end()};
  }
  std::vector<codec::PageDigest> digests() {
    return BlobReader(at.repository, loaded.index).digests(pages);
  }
  void damage(const std::string& pack) {
    for (std::size_t byte = kPackHeaderSize; byte < at.store.stat(pack)->size; byte += 50) {
      flip_bit(at.store, pack, byte);
    }
  }

  HistoryRepository at;
  Snapshot snapshot;
  std::vector<std::string> packs;
  LoadedIndex loaded;
  BlobId leaf, pages;
};

TEST_F(BlobReaderTest, ReadsPagesTreesAndDigests) {
  const Bytes content = content_of(numbered(0, 4));
  EXPECT_EQ(read_pages(), content);
  std::vector<codec::PageDigest> expected(4);
  codec::PageHasher(at.repository.keys().pages).digest_pages(content, kPageSize, expected);
  EXPECT_EQ(digests(), expected);
  EXPECT_EQ(loaded.index.find(pages).size(), 2);
}

TEST_F(BlobReaderTest, GoesToTheOtherPlaceWhenOneIsDamagedOrGone) {
  const Bytes content = read_pages(), map = read_leaf();
  const auto listed = digests();
  for (const std::string& pack : packs) {
    const Bytes intact = at.store.get(pack);
    damage(pack);
    EXPECT_EQ(read_pages(), content);
    EXPECT_EQ(read_leaf(), map);
    EXPECT_EQ(digests(), listed);
    at.store.remove(pack);
    EXPECT_EQ(read_pages(), content);
    EXPECT_EQ(digests(), listed);
    at.store.put(pack, intact);
  }
}

TEST_F(BlobReaderTest, SaysThatEveryPlaceIsDamaged) {
  for (const std::string& pack : packs) damage(pack);
  expect_error(ErrorCode::kDamagedObject, [&] { read_pages(); });
  expect_error(ErrorCode::kDamagedObject, [&] { read_leaf(); });
  expect_error(ErrorCode::kDamagedObject, [&] { digests(); });
}

TEST_F(BlobReaderTest, SaysThatEveryPlaceIsGone) {
  for (const std::string& pack : packs) at.store.remove(pack);
  expect_error(ErrorCode::kMissingObject, [&] { read_pages(); });
  loaded = load_index(at.repository);
  expect_error(ErrorCode::kMissingObject, [&] { read_pages(); });
  expect_error(ErrorCode::kMissingObject, [&] { digests(); });
}

TEST_F(BlobReaderTest, FindsWhatAPruneMovedMeanwhile) {
  const Bytes content = read_pages();
  const auto listed = digests();
  // Both packs are wasteful: one because of the other.
  prune(at.repository, {.max_waste = 0}, no_progress());
  back_up(at.repository, numbered(0, 4), 3);
  remove_snapshot(at.repository, snapshot);
  prune(at.repository, {.max_waste = 0}, no_progress());
  for (const std::string& pack : packs) EXPECT_FALSE(at.store.stat(pack).has_value());
  EXPECT_EQ(read_pages(), content);
  EXPECT_EQ(digests(), listed);
  expect_error(ErrorCode::kMissingObject, [&] { read_leaf(); });
}

TEST_F(BlobReaderTest, TakesNoBlobForATreeThatIsNone) {
  BlobDecoder decoder(at.repository.keys());
  const BlobReader reader(at.repository, loaded.index);
  expect_error(ErrorCode::kDamagedObject,
               [&] { reader.read_tree(pages, BlobKind::kMapLeaf, decoder); });
  expect_error(ErrorCode::kDamagedObject,
               [&] { reader.read_tree(leaf, BlobKind::kMapNode, decoder); });
}

}  // namespace
}  // namespace holdfast::repository
