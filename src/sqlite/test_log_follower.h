// An image of a database kept up to date by looks at its log alone.
#ifndef HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_
#define HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_

#include <algorithm>
#include <string>

#include "sqlite/test_database.h"
#include "sqlite/wal_follower.h"

namespace holdfast::sqlite {

inline std::string whole_image(const Path& path) {
  const auto source = open_page_source(path);
  source->advance();
  return image_of(*source);
}

class LogFollower {
 public:
  explicit LogFollower(const Path& path) : wal(path), path_(path) {}

  // Follows, and reads the whole database after that.
  bool begin() {
    if (!wal.begin()) return false;
    image_ = whole_image(path_);
    return true;
  }
  // Looks once, and lays what it got over the image.
  Look look(std::size_t most_bytes = 8u << 20) {
    Look look = wal.look(most_bytes);
    if (look.kind == Look::Kind::kCommits) apply(look);
    return look;
  }
  // Looks until there is nothing more, and answers the last look.
  Look catch_up(std::size_t most_bytes = 8u << 20) {
    Look last;
    do {
      last = look(most_bytes);
    } while (last.kind == Look::Kind::kCommits);
    return last;
  }
  // Whether the image equals what a whole read gives.
  testing::AssertionResult is_whole() const {
    const std::string whole = whole_image(path_);
    if (image_ == whole) return testing::AssertionSuccess();
    const auto end = image_.begin() + std::min(image_.size(), whole.size());
    return testing::AssertionFailure()
           << image_.size() << " bytes, and " << whole.size() << ", the first difference at "
           << std::mismatch(image_.begin(), end, whole.begin()).first - image_.begin();
  }
  const std::string& image() const { return image_; }

  WalFollower wal;

 private:
  void apply(const Look& look) {
    const std::size_t page_size = look.geometry.page_size;
    EXPECT_EQ(look.loss, Loss::kNone);
    EXPECT_GT(look.commits, 0);
    EXPECT_LE(look.old_tail_commits, look.commits);
    EXPECT_EQ(look.content.size(), look.pages.size() * page_size);
    EXPECT_TRUE(std::is_sorted(look.pages.begin(), look.pages.end(), std::less_equal<>()));
    image_.resize(page_size * look.geometry.page_count);
    for (std::size_t i = 0; i < look.pages.size(); ++i) {
      ASSERT_GE(look.pages[i], 1);
      ASSERT_LE(look.pages[i], look.geometry.page_count);
      const ByteView content = ByteView(look.content).subspan(i * page_size, page_size);
      image_.replace((look.pages[i] - 1) * page_size, page_size, as_text(content));
    }
  }

  Path path_;
  std::string image_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_
