#include "sqlite/library_version.h"

#include <gtest/gtest.h>

#include "env/temporary_directory.h"

namespace holdfast::sqlite {
namespace {

using namespace std::string_literals;

bool affected(std::string_view version) {
  return has_wal_reset_bug(parse_version(version).value());
}
std::string found_in(const std::string& image) {
  const auto version = version_in(as_bytes(image));
  return version ? version->text() : "none";
}

TEST(LibraryVersion, KnowsTheVersionsThatHaveTheWalResetBug) {
  for (const char* version : {"3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.2"}) {
    EXPECT_TRUE(affected(version)) << version;
  }
  for (const char* version :
       {"3.6.23", "3.44.6", "3.44.7", "3.50.7", "3.51.3", "3.52.0", "3.53.1", "4.0.0"}) {
    EXPECT_FALSE(affected(version)) << version;
  }
}

TEST(LibraryVersion, IsThreeNumbers) {
  EXPECT_EQ(parse_version("3.40.1")->text(), "3.40.1");
  for (const char* text : {"", "3", "3.40", "3.40.", "3.40.1.2", "3.40.x", "3.-4.1", " 3.40.1"}) {
    EXPECT_FALSE(parse_version(text)) << text;
  }
}

TEST(LibraryVersion, IsFoundInTheImageOfALibrary) {
  EXPECT_EQ(found_in("\x7f"
                     "ELF\0 at 3.1.2\0SQLITE_3.9.9\0"
                     "3.40.1\0"
                     "3.\0"
                     "3.4\0rest"s),
            "3.40.1");
  EXPECT_EQ(found_in("\0"
                     "3.40.1\0\0"
                     "3.40.1\0"s),
            "3.40.1");
  EXPECT_EQ(found_in("\0"
                     "3.40.1\0\0"
                     "3.51.3\0"s),
            "none")
      << "which one is it?";
  EXPECT_EQ(found_in("\0"
                     "3.40.1"s),
            "none")
      << "cut off";
  EXPECT_EQ(found_in(""), "none");
}

TEST(LibraryVersion, IsUnknownOfAFileThatIsNotThere) {
  const env::TemporaryDirectory directory;
  EXPECT_FALSE(version_of_library(directory / "libsqlite3.so.0"));
}

}  // namespace
}  // namespace holdfast::sqlite
