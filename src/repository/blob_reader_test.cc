#include "repository/blob_reader.h"

#include <gtest/gtest.h>

#include "repository/prune.h"
#include "repository/test_history.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// Where a request costs something or not; counts the reads of parts of objects.
class PricedStore final : public storage::StoreDecorator {
 public:
  PricedStore(Store& base, bool costly) : StoreDecorator(base), capabilities_(base.capabilities()) {
    capabilities_.costly = costly;
  }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    ++reads;
    StoreDecorator::get_range(name, offset, out);
  }
  const storage::Capabilities& capabilities() const override { return capabilities_; }

  int reads = 0;

 private:
  storage::Capabilities capabilities_;
};

// The same database in two packs, as two backups at once leave it.
class BlobReaderTest : public testing::TestWithParam<bool> {
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
    return BlobReader(repository, loaded.index).read_tree(leaf, BlobKind::kMapLeaf, decoder);
  }
  Bytes read_pages() {
    BlobDecoder decoder(at.repository.keys());
    Bytes buffer;
    const ByteView read = BlobReader(repository, loaded.index).read(pages, decoder, buffer);
    return {read.begin(), read.end()};
  }
  std::vector<codec::PageDigest> digests() {
    return BlobReader(repository, loaded.index).digests(pages);
  }
  void damage(const std::string& pack) {
    for (std::size_t byte = kPackHeaderSize; byte < at.store.stat(pack)->size; byte += 50) {
      flip_bit(at.store, pack, byte);
    }
  }

  HistoryRepository at;
  PricedStore store{at.store, GetParam()};
  Repository repository = Repository::open(store, at.clock, std::nullopt);
  Snapshot snapshot;
  std::vector<std::string> packs;
  LoadedIndex loaded;
  BlobId leaf, pages;
};

TEST_P(BlobReaderTest, ReadsPagesTreesAndDigests) {
  const Bytes content = content_of(numbered(0, 4));
  EXPECT_EQ(read_pages(), content);
  std::vector<codec::PageDigest> expected(4);
  codec::PageHasher(at.repository.keys().pages).digest_pages(content, kPageSize, expected);
  EXPECT_EQ(digests(), expected);
  EXPECT_EQ(loaded.index.find(pages).size(), 2);
}

TEST_P(BlobReaderTest, GoesToTheOtherPlaceWhenOneIsDamagedOrGone) {
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

TEST_P(BlobReaderTest, SaysThatEveryPlaceIsDamaged) {
  for (const std::string& pack : packs) damage(pack);
  expect_error(ErrorCode::kDamagedObject, [&] { read_pages(); });
  expect_error(ErrorCode::kDamagedObject, [&] { read_leaf(); });
  expect_error(ErrorCode::kDamagedObject, [&] { digests(); });
}

TEST_P(BlobReaderTest, SaysThatEveryPlaceIsGone) {
  for (const std::string& pack : packs) at.store.remove(pack);
  expect_error(ErrorCode::kMissingObject, [&] { read_pages(); });
  loaded = load_index(at.repository);
  expect_error(ErrorCode::kMissingObject, [&] { read_pages(); });
  expect_error(ErrorCode::kMissingObject, [&] { digests(); });
}

TEST_P(BlobReaderTest, FindsWhatAPruneMovedMeanwhile) {
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

TEST_P(BlobReaderTest, TakesNoBlobForATreeThatIsNone) {
  BlobDecoder decoder(at.repository.keys());
  const BlobReader reader(repository, loaded.index);
  expect_error(ErrorCode::kDamagedObject,
               [&] { reader.read_tree(pages, BlobKind::kMapLeaf, decoder); });
  expect_error(ErrorCode::kDamagedObject,
               [&] { reader.read_tree(leaf, BlobKind::kMapNode, decoder); });
}

TEST_P(BlobReaderTest, ReadsGroups) {
  const MapLeaf map = parse_leaf(read_leaf(), 8);
  std::vector<BlobId> ids = map.blobs;
  ASSERT_EQ(ids.size(), 2);
  ids.push_back(leaf);
  const BlobReader reader(repository, loaded.index);
  const BlobGroups groups = reader.groups_of(ids);
  EXPECT_EQ(groups.size(), GetParam() ? 1 : ids.size());
  BlobDecoder decoder(at.repository.keys());
  Bytes buffer;
  const auto read = [&] {
    std::vector<Bytes> found(ids.size());
    for (std::size_t group = 0; group < groups.size(); ++group) {
      std::vector<BlobId> wanted;
      for (const std::uint32_t number : groups[group]) wanted.push_back(ids[number]);
      reader.read_group(wanted, decoder, buffer, [&](std::size_t i, MutableByteView plain) {
        EXPECT_TRUE(found[groups[group][i]].empty());
        found[groups[group][i]].assign(plain.begin(), plain.end());
      });
    }
    return found;
  };
  const std::vector<Bytes> expected = {content_of(numbered(0, 4)), content_of(numbered(4, 4)),
                                       read_leaf()};
  store.reads = 0;
  EXPECT_EQ(read(), expected);
  EXPECT_EQ(store.reads, GetParam() ? 1 : 3);
  for (const std::string& pack : packs) {
    const Bytes intact = at.store.get(pack);
    damage(pack);
    EXPECT_EQ(read(), expected);
    at.store.remove(pack);
    EXPECT_EQ(read(), expected);
    at.store.put(pack, intact);
  }
  for (const std::string& pack : packs) damage(pack);
  expect_error(ErrorCode::kDamagedObject, read);
  ids.push_back(BlobId());
  EXPECT_EQ(reader.groups_of(ids).size(), groups.size() + 1);
  expect_error(ErrorCode::kMissingObject, [&] {
    reader.read_group(std::span(ids).last(1), decoder, buffer,
                      [](std::size_t, MutableByteView) { FAIL(); });
  });
}

TEST_P(BlobReaderTest, ReadsTheLeavesOfAMapTogetherWhereRequestsAreCostly) {
  constexpr std::uint64_t kLeaves = 3;
  const Snapshot large = back_up(at.repository, numbered(0, kLeaves * kLeafPages), 7);
  loaded = load_index(at.repository);
  const BlobReader reader(repository, loaded.index);
  BlobDecoder decoder(at.repository.keys());
  std::uint64_t leaves = 0;
  store.reads = 0;
  visit_leaves(large.databases.front().map, kLeaves * kLeafPages, reader.node_getter(decoder),
               [&](std::uint64_t, const BlobId& id) {
                 const Bytes content = reader.read_tree(id, BlobKind::kMapLeaf, decoder);
                 EXPECT_EQ(parse_leaf(content, kLeafPages).pages(), kLeafPages);
                 ++leaves;
               });
  EXPECT_EQ(leaves, kLeaves);
  EXPECT_EQ(store.reads, GetParam() ? 1 : kLeaves + 1);
}

INSTANTIATE_TEST_SUITE_P(Requests, BlobReaderTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "AreCostly" : "CostLittle"; });

}  // namespace
}  // namespace holdfast::repository
