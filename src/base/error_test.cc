#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace holdfast {
namespace {

TEST(ErrorCatalogue, HasOneEntryAtThePlaceOfEachCode) {
  int place = 0;
  for (const ErrorEntry& entry : error_catalogue()) {
    EXPECT_EQ(static_cast<int>(entry.code), place++) << entry.name;
    EXPECT_EQ(&catalogue_entry(entry.code), &entry);
  }
}

TEST(ErrorCatalogue, NamesAreUniqueAndMadeForScripts) {
  std::set<std::string_view> names;
  for (const ErrorEntry& entry : error_catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << entry.name;
  }
}

TEST(ErrorCatalogue, SaysWhatHappenedWhatIsSafeAndWhatToDoForEachCode) {
  for (const ErrorEntry& entry : error_catalogue()) {
    EXPECT_TRUE(entry.summary.ends_with('.')) << entry.name;
    EXPECT_TRUE(entry.safe.ends_with('.')) << entry.name;
    EXPECT_FALSE(entry.next.empty()) << entry.name;
  }
}

TEST(ErrorCatalogue, ExitStatusesAreFailuresThatAShellCanTellFromSignals) {
  for (const ErrorEntry& entry : error_catalogue()) {
    EXPECT_GE(entry.exit_status, 1) << entry.name;
    EXPECT_LE(entry.exit_status, 125) << entry.name;
  }
}

TEST(Error, TakesItsWordsFromTheCatalogueUnlessGivenOwn) {
  const Error plain(ErrorCode::kDiskFull, "cannot write /x");
  EXPECT_STREQ(plain.what(), "cannot write /x");
  EXPECT_EQ(plain.name(), "disk_full");
  EXPECT_EQ(plain.exit_status(), 40);
  EXPECT_TRUE(plain.retryable());
  EXPECT_EQ(plain.safe(), catalogue_entry(ErrorCode::kDiskFull).safe);
  EXPECT_EQ(plain.next(), catalogue_entry(ErrorCode::kDiskFull).next);

  const Error own(ErrorCode::kDiskFull, "cannot write /x", "all is safe", "buy a disk");
  EXPECT_EQ(own.safe(), "all is safe");
  EXPECT_EQ(own.next(), "buy a disk");
}

TEST(SystemError, MapsTheNumbersThatCallersActOn) {
  const std::pair<int, ErrorCode> expected[] = {{ENOSPC, ErrorCode::kDiskFull},
                                                {EDQUOT, ErrorCode::kDiskFull},
                                                {EACCES, ErrorCode::kPermissionDenied},
                                                {EPERM, ErrorCode::kPermissionDenied},
                                                {EROFS, ErrorCode::kPermissionDenied},
                                                {ENOENT, ErrorCode::kNotFound},
                                                {ENOTDIR, ErrorCode::kNotFound},
                                                {EEXIST, ErrorCode::kAlreadyExists},
                                                {EIO, ErrorCode::kIo},
                                                {EMFILE, ErrorCode::kIo}};
  for (const auto& [number, code] : expected) {
    EXPECT_EQ(system_error(number, "x").code(), code) << number;
  }
}

TEST(SystemError, SaysWhatWasBeingDone) {
  EXPECT_EQ(system_error(ENOENT, "cannot open /x").happened(),
            "cannot open /x: No such file or directory");
}

}  // namespace
}  // namespace holdfast
