#include "engine/replicate/running_checksum.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "codec/secret_key.h"
#include "engine/replicate/test_pages.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;

struct Keys {
  codec::SecretKey secret = codec::SecretKey::random();
  codec::ChecksumKey key{secret};
};

std::string whole(const codec::ChecksumKey& key, const std::vector<PageDigest>& digests) {
  codec::DatabaseChecksum sum(key);
  sum.add(1, digests);
  return sum.finish(512, digests.size());
}

TEST(RunningChecksum, EqualsTheSumOverAllPagesAfterAnyChanges) {
  const Keys keys;
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  std::vector<PageDigest> digests;
  RunningChecksum running(keys.key, 512, 0, PageDigest{});
  for (int step = 0; step < 500; ++step) {
    const std::uint64_t count = 1 + random() % 3000;
    const std::size_t before = digests.size();
    if (step % 10 == 0) {
      running.resize(count, [&](std::uint64_t page) { return digests[page - 1]; });
      digests.resize(count);
      for (std::size_t page = before; page < count; ++page) {
        digests[page] = {random(), random()};
        running.change(page + 1, PageDigest{}, digests[page]);
      }
    }
    const std::size_t page = random() % digests.size();
    const PageDigest now{random(), random()};
    running.change(page + 1, digests[page], now);
    digests[page] = now;
    ASSERT_EQ(running.finish(), whole(keys.key, digests)) << "step " << step;
  }
}

TEST(RunningChecksum, TellsADatabaseFromTheSamePagesInAnotherOrder) {
  const Keys keys;
  RunningChecksum one(keys.key, 512, 2, PageDigest{}), other(keys.key, 512, 2, PageDigest{});
  one.change(1, {}, {1, 2});
  one.change(2, {}, {3, 4});
  other.change(1, {}, {3, 4});
  other.change(2, {}, {1, 2});
  EXPECT_NE(one.finish(), other.finish());
}

}  // namespace
}  // namespace holdfast::engine
