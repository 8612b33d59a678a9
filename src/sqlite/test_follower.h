// An image kept up to date by changes alone, which must equal what a whole read gives.
#ifndef HOLDFAST_SQLITE_TEST_FOLLOWER_H_
#define HOLDFAST_SQLITE_TEST_FOLLOWER_H_

#include <algorithm>
#include <string>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {

class Follower {
 public:
  explicit Follower(PageSource& source) : source_(source) {}

  // Takes the next view, expects the followed image to equal the whole one, and answers what
  // changed.
  Change advance() {
    const Change change = source_.advance();
    std::string whole = image_of(source_);
    if (change.kind == Change::Kind::kUnknown) {
      geometry_ = source_.geometry();
      image_ = std::move(whole);
      return change;
    }
    apply(change);
    EXPECT_EQ(source_.geometry(), geometry_);
    // Not EXPECT_EQ: nobody wants to see two images.
    EXPECT_TRUE(image_ == whole) << first_difference(whole);
    image_ = std::move(whole);
    return change;
  }
  const std::string& image() const { return image_; }

 private:
  void apply(const Change& change) {
    const PageNumber before = geometry_.page_count;
    geometry_.page_count = source_.geometry().page_count;
    image_.resize(std::size_t{geometry_.page_count} * geometry_.page_size);
    if (change.kind == Change::Kind::kNothing) {
      EXPECT_TRUE(change.pages.empty());
      EXPECT_EQ(before, geometry_.page_count);
    }
    EXPECT_TRUE(std::is_sorted(change.pages.begin(), change.pages.end()));
    EXPECT_EQ(std::adjacent_find(change.pages.begin(), change.pages.end()), change.pages.end());
    for (const PageNumber page : change.pages) fetch(page);
    for (PageNumber page = before + 1; page <= geometry_.page_count; ++page) fetch(page);
  }
  void fetch(PageNumber page) {
    ASSERT_GE(page, 1);
    ASSERT_LE(page, geometry_.page_count);
    source_.read(page,
                 std::as_writable_bytes(std::span(image_))
                     .subspan(std::size_t{page - 1} * geometry_.page_size, geometry_.page_size));
  }
  std::string first_difference(const std::string& whole) const {
    const auto at = std::mismatch(image_.begin(), image_.end(), whole.begin(), whole.end()).first;
    return fmt::format("page {} of {}", (at - image_.begin()) / geometry_.page_size + 1,
                       geometry_.page_count);
  }

  PageSource& source_;
  Geometry geometry_;
  std::string image_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TEST_FOLLOWER_H_
