#include "repository/index_part.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "base/error.h"
#include "repository/blob_set.h"
#include "repository/index.h"

namespace holdfast::repository {
namespace {

constexpr std::uint64_t kSeed = 20261122;

BlobId random_blob(std::mt19937_64& random) {
  BlobId id;
  holdfast::store(id.bytes.data(), random());
  holdfast::store(id.bytes.data() + 8, random());
  return id;
}

IndexContent random_content(std::mt19937_64& random, std::size_t packs, std::size_t blobs) {
  IndexContent content;
  for (std::size_t i = 0; i < packs; ++i) {
    PackDescription& pack = content.packs.emplace_back();
    pack.id = random_pack_id();
    pack.directory_size = 100;
    for (std::size_t k = 0; k < blobs; ++k) {
      pack.entries.push_back({.id = random_blob(random),
                              .kind = BlobKind::kPages,
                              .compression = codec::Compression::kZstd,
                              .pages = static_cast<std::uint16_t>(1 + random() % 9),
                              .raw_size = static_cast<std::uint32_t>(random() % 5000),
                              .stored_size = static_cast<std::uint32_t>(40 + random() % 900)});
    }
  }
  return content;
}

void expect_every_place(const IndexPart& part, const IndexContent& content) {
  std::uint32_t number = 0;
  for (std::uint32_t pack = 0; pack < content.packs.size(); ++pack) {
    std::uint32_t offset = kPackHeaderSize;
    std::size_t digests = 0;
    for (const BlobEntry& entry : content.packs[pack].entries) {
      std::size_t found = 0;
      part.visit(entry.id, [&](std::uint32_t place, const PlacedEntry& placed) {
        EXPECT_EQ(place, number);
        EXPECT_EQ(placed.blob, entry);
        EXPECT_EQ(placed.offset, offset);
        ++found;
        return false;
      });
      ASSERT_EQ(found, 1);
      EXPECT_EQ(part.pack_of(number), pack);
      EXPECT_EQ(part.digest_position(pack, offset), digests);
      offset += entry.stored_size;
      digests += entry.pages;
      ++number;
    }
    EXPECT_EQ(part.pack(pack).entries, content.packs[pack].entries);
    EXPECT_EQ(part.pack_size(pack), content.packs[pack].size());
    EXPECT_EQ(part.find_pack(content.packs[pack].id), pack);
  }
}

TEST(IndexPart, HoldsFewBlobsInMemory) {
  std::mt19937_64 random(kSeed);
  const IndexContent content = random_content(random, 20, 37);
  expect_every_place(IndexPart(content), content);
}

TEST(IndexPart, FindsEachOfManyBlobsInPagesOfAFile) {
  std::mt19937_64 random(kSeed);
  const IndexContent content = random_content(random, 300, 333);
  const IndexPart part(content);
  expect_every_place(part, content);
  EXPECT_LT(part.bytes(), 8 * part.blob_count());
  for (int i = 0; i < 1000; ++i) {
    part.visit(random_blob(random), [](std::uint32_t, const PlacedEntry&) {
      ADD_FAILURE() << "found what was never added; seed " << kSeed;
      return true;
    });
  }
}

TEST(IndexPart, HoldsAllWhereThereIsNoRoomForAFile) {
  const char* before = std::getenv("TMPDIR");
  const std::optional<std::string> folder =
      before == nullptr ? std::nullopt : std::optional<std::string>(before);
  ASSERT_EQ(0, ::setenv("TMPDIR", "/nowhere/at/all", 1));
  std::mt19937_64 random(kSeed);
  const IndexContent content = random_content(random, 300, 333);
  const IndexPart part(content);
  if (folder) {
    ::setenv("TMPDIR", folder->c_str(), 1);
  } else {
    ::unsetenv("TMPDIR");
  }
  expect_every_place(part, content);
  EXPECT_GT(part.bytes(), 32 * part.blob_count());
}

TEST(IndexPart, IsSearchedBySeveralThreads) {
  std::mt19937_64 random(kSeed);
  const IndexContent content = random_content(random, 200, 333);
  const IndexPart part(content);
  std::vector<std::jthread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 own(seed);
      for (int i = 0; i < 5000; ++i) {
        const PackDescription& pack = content.packs[own() % content.packs.size()];
        const BlobEntry& entry = pack.entries[own() % pack.entries.size()];
        bool found = false;
        part.visit(entry.id, [&](std::uint32_t, const PlacedEntry& placed) {
          return found = placed.blob == entry;
        });
        EXPECT_TRUE(found) << "seed " << seed;
      }
    });
  }
}

TEST(IndexPart, CountsAPackThatIsListedTwiceOnce) {
  std::mt19937_64 random(kSeed);
  IndexContent content = random_content(random, 3, 20'000);
  const IndexPart once(content);
  content.packs.push_back(content.packs.front());
  const IndexPart twice(content);
  EXPECT_EQ(twice.pack_count(), 3);
  EXPECT_EQ(twice.blob_count(), once.blob_count());
  EXPECT_EQ(serialize(twice.content()), serialize(once.content()));
}

TEST(IndexPart, GivesBackWhatItWasMadeFrom) {
  std::mt19937_64 random(kSeed);
  IndexContent content = random_content(random, 5, 7);
  content.packs[2].entries.clear();
  content.withdrawn = {{content.packs[1].id, content.packs[1].entries[3].id}};
  const IndexPart part(content);
  EXPECT_EQ(serialize(part.content()), serialize(content));
  EXPECT_EQ(part.pack_of(14), 3);
}

TEST(IndexContent, IsRefusedWithAPackLargerThanOneCanBe) {
  std::mt19937_64 random(kSeed);
  IndexContent content = random_content(random, 1, 80);
  for (BlobEntry& entry : content.packs.front().entries) {
    entry = {.id = entry.id, .pages = 1, .raw_size = 64u << 20, .stored_size = 64u << 20};
  }
  EXPECT_THROW(parse_index(serialize(content)), Error);
  content.packs.front().entries.resize(63);
  EXPECT_NO_THROW(parse_index(serialize(content)));
}

TEST(BlobSet, TakesABlobOnceInHoweverManyPacksItIs) {
  std::mt19937_64 random(kSeed);
  const IndexContent one = random_content(random, 2, 30);
  IndexContent other = random_content(random, 2, 30);
  other.packs[0].entries[7] = one.packs[1].entries[3];
  Index index;
  index.add(std::make_shared<const IndexPart>(one));
  index.add(std::make_shared<const IndexPart>(other));
  const BlobId twice = one.packs[1].entries[3].id, unknown = random_blob(random);

  BlobSet blobs(index);
  EXPECT_TRUE(blobs.insert(other.packs[1].entries[0].id));
  EXPECT_TRUE(blobs.insert(twice));
  EXPECT_FALSE(blobs.insert(twice));
  EXPECT_TRUE(blobs.insert(unknown));
  EXPECT_FALSE(blobs.insert(unknown));
  EXPECT_TRUE(blobs.contains(twice));
  EXPECT_TRUE(blobs.contains(unknown));
  EXPECT_FALSE(blobs.contains(one.packs[0].entries[0].id));
  EXPECT_EQ(blobs.size(), 3);
  std::vector<BlobId> visited;
  blobs.visit([&](const BlobId& id) { visited.push_back(id); });
  EXPECT_EQ(visited, (std::vector<BlobId>{twice, other.packs[1].entries[0].id, unknown}));
}

}  // namespace
}  // namespace holdfast::repository
