#include "repository/pack.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "repository/test_history.h"

namespace holdfast::repository {
namespace {

class PackTest : public testing::Test {
 protected:
  // A leaf, then two blobs of pages.
  PackTest() {
    PackBuilder builder(random_pack_id());
    add(builder, BlobKind::kMapLeaf, Bytes(300, std::byte{7}));
    add(builder, BlobKind::kPages, content_of(numbered(1, 3)));
    add(builder, BlobKind::kPages, content_of(numbered(4, 2)));
    auto finished = std::move(builder).finish(keys);
    pack = finished.description;
    content = finished.content;
    store();
  }
  void add(PackBuilder& builder, BlobKind kind, const Bytes& plain) {
    BlobEncoder encoder(keys, 1);
    std::vector<codec::PageDigest> own;
    if (kind == BlobKind::kPages) {
      own.resize(plain.size() / kPageSize);
      codec::PageHasher(keys.pages).digest_pages(plain, kPageSize, own);
      digests.insert(digests.end(), own.begin(), own.end());
    }
    const BlobId id = own.empty() ? content_id(keys, kind, plain) : pages_id(keys, kPageSize, own);
    builder.add(encoder.encode(id, kind, static_cast<std::uint16_t>(own.size()), plain), own);
    plains.push_back(plain);
  }
  void store() { at.store.put(pack_name(pack.id), content, {.mode = storage::PutMode::kReplace}); }
  PackDescription directory() { return read_directory(at.store, keys, pack.id, content.size()); }

  HistoryRepository at;
  const MasterKeys& keys = at.repository.keys();
  PackDescription pack;
  Bytes content;
  std::vector<Bytes> plains;
  std::vector<codec::PageDigest> digests;
};

TEST_F(PackTest, DescribesItself) {
  EXPECT_EQ(pack.size(), content.size());
  const PackDescription read = directory();
  EXPECT_EQ(read.entries, pack.entries);
  EXPECT_EQ(read.digests_size, pack.digests_size);
  EXPECT_EQ(read.directory_size, pack.directory_size);
  EXPECT_EQ(read_digests(at.store, keys, pack), digests);
  check_pack_frame(at.store, keys, pack);
}

TEST_F(PackTest, HoldsEachBlobWhereItSays) {
  BlobDecoder decoder(keys);
  std::uint64_t offset = kPackHeaderSize;
  for (std::size_t i = 0; i < pack.entries.size(); ++i) {
    const BlobEntry& entry = pack.entries[i];
    Bytes plain(entry.raw_size);
    decoder.decode(entry, ByteView(content).subspan(offset, entry.stored_size), plain);
    EXPECT_EQ(plain, plains[i]);
    offset += entry.stored_size;
  }
}

TEST_F(PackTest, RefusesEveryFlippedBitOfItsFrame) {
  const auto refused = [&](std::size_t byte) {
    const std::byte before = content[byte];
    content[byte] ^= std::byte{16};
    store();
    const auto error = error_of([&] {
      check_pack_frame(at.store, keys, pack);
      read_digests(at.store, keys, pack);
    });
    content[byte] = before;
    return error && error->code() == ErrorCode::kDamagedObject;
  };
  for (std::size_t byte = 0; byte < kPackHeaderSize; ++byte) EXPECT_TRUE(refused(byte)) << byte;
  for (std::size_t byte = pack.digests_offset(); byte < content.size(); ++byte) {
    EXPECT_TRUE(refused(byte)) << byte;
  }
}

TEST_F(PackTest, RefusesEveryFlippedBitOfABlob) {
  BlobDecoder decoder(keys);
  const BlobEntry& entry = pack.entries.front();
  Bytes plain(entry.raw_size);
  for (std::size_t byte = 0; byte < entry.stored_size; ++byte) {
    Bytes box(content.begin() + kPackHeaderSize,
              content.begin() + kPackHeaderSize + entry.stored_size);
    box[byte] ^= std::byte{1};
    expect_error(ErrorCode::kDamagedObject, [&] { decoder.decode(entry, box, plain); });
  }
}

TEST_F(PackTest, RefusesABlobUnderAnotherEntry) {
  BlobDecoder decoder(keys);
  const ByteView box = ByteView(content).subspan(kPackHeaderSize, pack.entries[0].stored_size);
  BlobEntry other = pack.entries[0];
  other.id.bytes[0] ^= std::byte{1};
  Bytes plain(other.raw_size);
  expect_error(ErrorCode::kDamagedObject, [&] { decoder.decode(other, box, plain); });
  other = pack.entries[0];
  other.kind = BlobKind::kMapNode;
  expect_error(ErrorCode::kDamagedObject, [&] { decoder.decode(other, box, plain); });
}

TEST_F(PackTest, IsRefusedUnderTheNameOfAnother) {
  const PackId other = random_pack_id();
  at.store.put(pack_name(other), content);
  expect_error(ErrorCode::kDamagedObject,
               [&] { read_directory(at.store, keys, other, content.size()); });
}

TEST_F(PackTest, IsRefusedWhereverItIsCutShort) {
  for (std::size_t size = 0; size < content.size(); ++size) {
    at.store.put(pack_name(pack.id), ByteView(content).first(size),
                 {.mode = storage::PutMode::kReplace});
    expect_error(ErrorCode::kDamagedObject, [&] { read_directory(at.store, keys, pack.id, size); });
  }
}

TEST_F(PackTest, OfTreesAloneHasNoDigests) {
  PackBuilder builder(random_pack_id());
  add(builder, BlobKind::kMapNode, Bytes(64, std::byte{1}));
  const auto finished = std::move(builder).finish(keys);
  EXPECT_EQ(finished.description.digests_size, 0);
  at.store.put(pack_name(finished.description.id), finished.content);
  check_pack_frame(at.store, keys, finished.description);
  EXPECT_TRUE(read_digests(at.store, keys, finished.description).empty());
}

TEST_F(PackTest, TakesOverTheBlobsOfAnother) {
  PackBuilder one(random_pack_id()), other(random_pack_id());
  add(one, BlobKind::kPages, content_of(numbered(50, 2)));
  add(other, BlobKind::kMapLeaf, Bytes(90, std::byte{3}));
  other.move_into(one);
  EXPECT_TRUE(other.empty());
  const auto finished = std::move(one).finish(keys);
  EXPECT_EQ(finished.description.entries.size(), 2);
  EXPECT_EQ(finished.description.size(), finished.content.size());
}

TEST(PackNames, AreReadBack) {
  const PackId id = random_pack_id();
  EXPECT_EQ(pack_of(pack_name(id)), id);
  EXPECT_EQ(pack_of("packs/elsewhere"), std::nullopt);
  EXPECT_EQ(pack_of("index/" + id.hex()), std::nullopt);
}

}  // namespace
}  // namespace holdfast::repository
