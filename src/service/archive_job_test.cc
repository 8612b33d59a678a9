#include "service/archive_job.h"

#include <gtest/gtest.h>

#include "env/fault_file_system.h"
#include "service/restore_job.h"
#include "service/test_history.h"

namespace holdfast::service {
namespace {

class ArchiveJobs : public TestHistory {
 protected:
  ArchiveJobs() { snapshot = at.back_up().snapshot; }
  ArchiveOutcome write(const World& on, bool replace = false) {
    Session one(on, options(), nobody, no_progress());
    return write_archive(one, snapshot, {.file = target, .databases = {}, .replace = replace});
  }
  World faulty() {
    return {.files = faults,
            .clock = world.clock,
            .variables = world.variables,
            .directory = world.directory,
            .open_store = world.open_store};
  }
  std::set<std::string> names() const { return sqlite::names_in(target.parent_path()); }

  env::FaultFileSystem faults{env::posix_file_system()};
  repository::Snapshot snapshot;
  const env::Path target = file("place/other", "x").parent_path() / "app.tar.gz";
};

TEST_F(ArchiveJobs, OnlyTheOwnerMayReadWhatIsWritten) {
  const ArchiveOutcome outcome = write(world);
  const auto status = world.files.status(target);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(0600u, status->mode);
  EXPECT_EQ(outcome.bytes, status->size);
  EXPECT_EQ((std::set<std::string>{"app.tar.gz", "other"}), names());
}

TEST_F(ArchiveJobs, WhatIsThereStaysUnlessItIsToBeReplaced) {
  file("place/app.tar.gz", "precious");
  EXPECT_EQ(ErrorCode::kTargetExists, error_of([&] { write(world); }).code());
  EXPECT_EQ("precious", engine::file_content(target));
  write(world, true);
  EXPECT_NE("precious", engine::file_content(target));
}

TEST_F(ArchiveJobs, AFolderIsNeverReplaced) {
  world.files.make_directories(target);
  EXPECT_EQ(ErrorCode::kTargetExists, error_of([&] { write(world, true); }).code());
}

TEST_F(ArchiveJobs, AFullDiskLeavesNothingBehindAndWhatWasThere) {
  file("place/app.tar.gz", "precious");
  faults.fill_disk(folder / "place");
  EXPECT_EQ(ErrorCode::kDiskFull, error_of([&] { write(faulty(), true); }).code());
  EXPECT_EQ("precious", engine::file_content(target));
  EXPECT_EQ((std::set<std::string>{"app.tar.gz", "other"}), names());
}

TEST_F(ArchiveJobs, AFolderThatIsReadOnlyIsToldAndStaysAsItIs) {
  faults.make_read_only(folder / "place");
  EXPECT_EQ(ErrorCode::kPermissionDenied, error_of([&] { write(faulty()); }).code());
  EXPECT_EQ((std::set<std::string>{"other"}), names());
}

TEST_F(ArchiveJobs, WhatAKilledOneLeftIsClearedAwayAfterADay) {
  const auto old = file("place/.app.tar.gz.tmp-0123"), young = file("place/.app.tar.gz.tmp-4567");
  world.files.set_modified(old, world.clock.now() - std::chrono::hours(25));
  write(world);
  EXPECT_EQ((std::set<std::string>{".app.tar.gz.tmp-4567", "app.tar.gz", "other"}), names());
}

TEST_F(ArchiveJobs, DatabasesWithoutAFileNameOfTheirOwnAreCalledAsTheyAreCalled) {
  repository::DatabaseState one, other;
  one.name = "one";
  other.name = "other";
  const auto named = [&](const char* a, const char* b) {
    one.source = a;
    other.source = b;
    const std::vector<const repository::DatabaseState*> states = {&one, &other};
    return file_names(states);
  };
  const std::vector<std::string> own = {"one.db", "other.db"};
  EXPECT_EQ((std::vector<std::string>{"a.db", "b.db"}), named("/x/a.db", "/y/b.db"));
  EXPECT_EQ(own, named("/x/a.db", "/y/a.db"));
  EXPECT_EQ(own, named("/x/..", "/y/a.db"));
  EXPECT_EQ(own, named("/x/backup_metadata.json", "/y/a.db"));
}

}  // namespace
}  // namespace holdfast::service
