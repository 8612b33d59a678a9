#include "env/fault_file_system.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "base/error.h"
#include "base/test_errors.h"
#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

using Verb = FaultFileSystem::Verb;

class FaultFiles : public testing::Test {
 protected:
  const TemporaryDirectory root;
  FaultFileSystem files{posix_file_system()};
};

TEST_F(FaultFiles, FailsExactlyTheWriteThatItWasToldTo) {
  files.inject({.verb = Verb::kWrite, .error_number = ENOSPC, .skip = 2, .times = 1});
  const auto file = files.create(root / "a");
  file->write_at(0, as_bytes("one."));
  file->write_at(4, as_bytes("two."));
  EXPECT_EQ(code_of([&] { file->write_at(8, as_bytes("last")); }), ErrorCode::kDiskFull);
  EXPECT_EQ(as_text(read_file(files, root / "a")), "one.two.la") << "a part of it is written";
  EXPECT_NO_THROW(file->write_at(8, as_bytes("last")));
  EXPECT_EQ(files.faults(), 1u);
}

TEST_F(FaultFiles, AFullDiskRefusesEveryWriteBelowAndHasNoFreeSpace) {
  files.make_directories(root / "full");
  files.fill_disk(root / "full");
  const auto inside = files.create(root / "full/a");
  const auto outside = files.create(root / "fuller");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(code_of([&] { inside->write_at(0, as_bytes("x")); }), ErrorCode::kDiskFull);
  }
  EXPECT_EQ(code_of([&] { inside->allocate(100); }), ErrorCode::kDiskFull);
  EXPECT_NO_THROW(outside->write_at(0, as_bytes("x")));
  EXPECT_EQ(files.free_space(root / "full"), 0u);
  EXPECT_GT(files.free_space(root.path()), 0u);
}

TEST_F(FaultFiles, BrokenReadingFailsUntilRepaired) {
  files.create(root / "a")->write_at(0, as_bytes("x"));
  files.break_reading(root.path());
  EXPECT_EQ(code_of([&] { read_file(files, root / "a"); }), ErrorCode::kIo);
  files.repair();
  EXPECT_EQ(as_text(read_file(files, root / "a")), "x");
}

TEST_F(FaultFiles, AReadOnlyDirectoryIsReadButNotChanged) {
  files.make_directories(root / "d");
  files.create(root / "d/a")->write_at(0, as_bytes("x"));
  files.create(root / "b");
  files.make_read_only(root / "d");
  const std::function<void()> changes[] = {[&] { files.create(root / "d/new"); },
                                           [&] { files.open_write(root / "d/a"); },
                                           [&] { files.rename(root / "d/a", root / "d/new"); },
                                           [&] { files.rename_new(root / "b", root / "d/new"); },
                                           [&] { files.remove(root / "d/a"); },
                                           [&] { files.set_mode(root / "d/a", 0644); },
                                           [&] { files.set_modified(root / "d/a", Time{}); },
                                           [&] { files.make_directories(root / "d/new"); }};
  for (const auto& change : changes) EXPECT_EQ(code_of(change), ErrorCode::kPermissionDenied);
  EXPECT_EQ(as_text(read_file(files, root / "d/a")), "x");
  EXPECT_NO_THROW(files.make_directories(root / "d")) << "it is there already";
}

TEST_F(FaultFiles, FailsSyncsAndNames) {
  const auto file = files.create(root / "a");
  files.inject({.verb = Verb::kSync, .error_number = EIO});
  files.inject({.verb = Verb::kName, .error_number = ENOSPC});
  EXPECT_EQ(code_of([&] { file->sync(); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { files.sync_directory(root.path()); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { files.create(root / "b"); }), ErrorCode::kDiskFull);
  EXPECT_EQ(code_of([&] { files.rename(root / "a", root / "b"); }), ErrorCode::kDiskFull);
}

}  // namespace
}  // namespace holdfast::env
