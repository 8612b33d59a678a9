#include "sqlite/committed_pages.h"

#include <gmock/gmock.h>

namespace holdfast::sqlite {
namespace {

using testing::ElementsAre;

constexpr std::uint32_t kPageSize = 512;

class CommittedPagesTest : public testing::Test {
 protected:
  bool add(PageNumber page, char content, PageNumber commit = 0) {
    const std::string text(kPageSize, content);
    return pages.add({.page = page, .commit = commit, .content = as_bytes(text)});
  }
  // The first letter of each page.
  static std::string letters(const CommittedPages::Sorted& sorted) {
    std::string text;
    for (std::size_t at = 0; at < sorted.content.size(); at += kPageSize) {
      text += static_cast<char>(sorted.content[at]);
    }
    return text;
  }

  CommittedPages pages{kPageSize, 10, 4 * kPageSize};
};

TEST_F(CommittedPagesTest, AreSortedAndHaveTheNewestContent) {
  EXPECT_FALSE(add(7, 'a'));
  EXPECT_TRUE(add(3, 'b', 10));
  EXPECT_TRUE(add(7, 'c', 10));
  const auto sorted = pages.sorted();
  EXPECT_THAT(sorted.pages, ElementsAre(3, 7));
  EXPECT_EQ(letters(sorted), "bc");
  EXPECT_EQ(pages.commits(), 2);
}

TEST_F(CommittedPagesTest, LeaveOutTheTransactionThatHasNoEnd) {
  EXPECT_TRUE(add(3, 'a', 10));
  EXPECT_FALSE(add(3, 'b'));
  pages.drop_unfinished();
  EXPECT_TRUE(add(4, 'c', 10));
  EXPECT_EQ(letters(pages.sorted()), "ac");
}

TEST_F(CommittedPagesTest, StopBeforeTheTransactionThatDoesNotFit) {
  add(1, 'a');
  EXPECT_TRUE(add(2, 'a', 10));
  for (PageNumber page = 3; page < 6; ++page) add(page, 'b');
  EXPECT_FALSE(add(1, 'b', 10));
  EXPECT_TRUE(pages.is_full());
  EXPECT_FALSE(add(1, 'c', 10));
  EXPECT_EQ(pages.commits(), 1);
  EXPECT_EQ(letters(pages.sorted()), "aa");
}

TEST_F(CommittedPagesTest, CountPagesThatAreWrittenAgainOnce) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(add(1 + i % 4, 'a', 10));
  EXPECT_FALSE(pages.is_full());
}

TEST_F(CommittedPagesTest, EndWithTheDatabase) {
  add(9, 'a');
  EXPECT_TRUE(add(1, 'b', 10));
  EXPECT_TRUE(add(2, 'c', 5));
  EXPECT_THAT(pages.sorted().pages, ElementsAre(1, 2));
  EXPECT_EQ(pages.page_count(), 5);
}

TEST_F(CommittedPagesTest, NameAPageThatTheDatabaseGrewByWithoutAFrame) {
  add(11, 'a');
  EXPECT_TRUE(add(13, 'a', 13));
  EXPECT_EQ(pages.sorted().unlogged, 12);
}

TEST_F(CommittedPagesTest, NameAPageThatWasCutOffAndCameBackWithoutAFrame) {
  EXPECT_TRUE(add(1, 'a', 8));
  EXPECT_TRUE(add(9, 'a', 10));
  EXPECT_EQ(pages.sorted().unlogged, 10);
}

TEST_F(CommittedPagesTest, HaveZerosForTheLockPage) {
  constexpr PageNumber kLockPage = 0x40000000 / 65536 + 1;
  CommittedPages large(65536, kLockPage - 1, 1 << 20);
  const std::string text(65536, 'a');
  EXPECT_TRUE(
      large.add({.page = kLockPage + 1, .commit = kLockPage + 1, .content = as_bytes(text)}));
  const auto sorted = large.sorted();
  EXPECT_EQ(sorted.unlogged, 0);
  EXPECT_THAT(sorted.pages, ElementsAre(kLockPage, kLockPage + 1));
  EXPECT_EQ(as_text(sorted.content), std::string(65536, '\0') + text);
}

}  // namespace
}  // namespace holdfast::sqlite
