#include "engine/replicate/digest_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "engine/replicate/test_pages.h"
#include "engine/test_protection.h"

namespace holdfast::engine {
namespace {

class DigestScanTest : public testing::Test, public Protection {
 protected:
  void SetUp() override {
    sql("PRAGMA page_size=4096; CREATE TABLE record (id INTEGER PRIMARY KEY, body);" +
        rows_sql(3000, 1000));
    before = image_of(database());
    digests.resize(before.size() / kTestPage);
    hasher.digest_pages(as_bytes(before), kTestPage, digests);
  }
  std::optional<ScanChanges> scan(std::size_t most_bytes = 1u << 20,
                                  std::uint32_t page_size = kTestPage) {
    const auto source = sqlite::open_page_source(database());
    const auto known = [this](std::uint64_t first, std::span<codec::PageDigest> out) {
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = first - 1 + i < digests.size() ? digests[first - 1 + i] : codec::PageDigest{};
      }
    };
    return scan_changes(*source, hasher, page_size, known, most_bytes, 2);
  }
  // `before` with the changes laid over it.
  std::string applied(const ScanChanges& changes) {
    std::string image = before;
    image.resize(std::size_t{changes.geometry.page_count} * kTestPage);
    for (std::size_t i = 0; i < changes.pages.size(); ++i) {
      const auto page = as_text(ByteView(changes.content).subspan(i * kTestPage, kTestPage));
      image.replace((changes.pages[i] - 1) * kTestPage, kTestPage, page);
    }
    return image;
  }

  codec::PageHasher hasher{repository.keys().pages};
  std::string before;
  std::vector<codec::PageDigest> digests;
};

TEST_F(DigestScanTest, FindsNothingWhereNothingChanged) {
  const auto changes = scan();
  ASSERT_TRUE(changes);
  EXPECT_TRUE(changes->pages.empty());
  EXPECT_EQ(changes->same, digests.size());
}

TEST_F(DigestScanTest, FindsExactlyWhatTurnsTheKnownStateIntoThePresentOne) {
  sql("UPDATE record SET body = randomblob(1000) WHERE id % 200 = 0; CREATE TABLE more (a);");
  const auto changes = scan();
  ASSERT_TRUE(changes);
  EXPECT_TRUE(std::ranges::is_sorted(changes->pages));
  EXPECT_LT(changes->pages.size(), 60u);
  EXPECT_TRUE(applied(*changes) == image_of(database()));
  for (std::size_t i = 0; i < changes->pages.size(); ++i) {
    EXPECT_EQ(changes->digests[i],
              hasher.digest(ByteView(changes->content).subspan(i * kTestPage, kTestPage)));
  }
}

TEST_F(DigestScanTest, FollowsADatabaseThatShrinks) {
  sql("DELETE FROM record WHERE id > 100; VACUUM;");
  const auto changes = scan();
  ASSERT_TRUE(changes);
  EXPECT_TRUE(applied(*changes) == image_of(database()));
}

TEST_F(DigestScanTest, GivesUpWhereABackupIsTheBetterScan) {
  EXPECT_FALSE(scan(1u << 20, 8192));
  sql("UPDATE record SET body = randomblob(1000);");
  EXPECT_FALSE(scan(100'000));
}

TEST_F(DigestScanTest, RefusesADatabaseThatIsCopiedOverInTheMiddle) {
  const std::string other = [&] {
    std::string content = before;
    content.back() = static_cast<char>(content.back() ^ 1);
    return content;
  }();
  const auto source = sqlite::open_page_source(database());
  bool copied = false;
  const auto known = [&](std::uint64_t first, std::span<codec::PageDigest> out) {
    std::ranges::copy(std::span(digests).subspan(first - 1, out.size()), out.begin());
    if (!std::exchange(copied, true)) sqlite::write_content(database(), other);
  };
  EXPECT_EQ(code_of([&] { scan_changes(*source, hasher, kTestPage, known, 1u << 20, 1); }),
            ErrorCode::kDatabaseChanged);
  const auto changes = scan_changes(*source, hasher, kTestPage, known, 1u << 20, 1);
  ASSERT_TRUE(changes);
  EXPECT_TRUE(applied(*changes) == other);
}

TEST_F(DigestScanTest, HoldsNoLockAfterwards) {
  const auto source = sqlite::open_page_source(database());
  scan_changes(
      *source, hasher, kTestPage,
      [](std::uint64_t, std::span<codec::PageDigest> out) {
        std::ranges::fill(out, codec::PageDigest{});
      },
      64u << 20, 2);
  sqlite::OtherConnection other(database());
  EXPECT_EQ(other.run("BEGIN EXCLUSIVE"), "ok []");
}

}  // namespace
}  // namespace holdfast::engine
