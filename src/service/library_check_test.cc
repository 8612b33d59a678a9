#include "service/library_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::service {
namespace {

using sqlite::LibraryVersion;
using testing::HasSubstr;
using testing::Not;

constexpr LibraryVersion kOld{3, 40, 1}, kRepaired{3, 51, 3};

std::string warning(const LibraryVersion& own, std::vector<LibraryUse> uses) {
  return wal_reset_warning(own, uses);
}

TEST(LibraryCheck, NamesTheProcessAndItsVersion) {
  const std::string text =
      warning(kRepaired, {{"python3 (pid 7)", kOld}, {"sqlite3 (pid 8)", kRepaired}});
  EXPECT_THAT(text, HasSubstr("python3 (pid 7) uses SQLite 3.40.1"));
  EXPECT_THAT(text, HasSubstr("3.51.3 or later"));
  EXPECT_THAT(text, Not(HasSubstr("pid 8")));
}

TEST(LibraryCheck, SaysNothingWhereEveryProcessIsKnownToBeSound) {
  EXPECT_EQ(warning(kOld, {{"python3 (pid 7)", kRepaired}}), "");
}

TEST(LibraryCheck, TakesItsOwnVersionForWhatIsNotKnown) {
  EXPECT_THAT(warning(kOld, {}), HasSubstr("Holdfast itself uses SQLite 3.40.1"));
  EXPECT_THAT(warning(kOld, {{"app (pid 9)", std::nullopt}}),
              HasSubstr("which SQLite app (pid 9) uses cannot be told"));
  EXPECT_EQ(warning(kRepaired, {}), "");
  EXPECT_EQ(warning(kRepaired, {{"app (pid 9)", std::nullopt}}), "");
}

}  // namespace
}  // namespace holdfast::service
