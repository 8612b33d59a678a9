#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <thread>

#include "base/buffer.h"
#include "base/error.h"
#include "base/test_errors.h"
#include "env/fault_file_system.h"
#include "env/file_system.h"
#include "env/randomness.h"
#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

class PosixFiles : public testing::Test {
 protected:
  void write(const Path& path, std::string_view text) {
    const auto file = files.create(path);
    file->write_at(0, as_bytes(text));
  }
  std::string read(const Path& path) { return std::string(as_text(read_file(files, path))); }
  std::vector<std::string> names(const Path& path) {
    std::vector<std::string> found;
    for (const auto& entry : files.list(path)) found.push_back(entry.name);
    return found;
  }

  FileSystem& files = posix_file_system();
  const TemporaryDirectory root;
};

TEST_F(PosixFiles, ReadsWhatWasWrittenAtAnyOffset) {
  const auto file = files.create(root / "a");
  file->write_at(0, as_bytes("0123456789"));
  file->write_at(3, as_bytes("abc"));
  Bytes out(5);
  EXPECT_EQ(file->read_at(2, out), 5u);
  EXPECT_EQ(as_text(out), "2abc6");
}

TEST_F(PosixFiles, ReadsFewerBytesOnlyAtTheEnd) {
  write(root / "a", "0123456789");
  Bytes out(8);
  const auto file = files.open_read(root / "a");
  EXPECT_EQ(file->read_at(6, out), 4u);
  EXPECT_EQ(file->read_at(10, out), 0u);
}

TEST_F(PosixFiles, AroundTheCacheTheSameIsReadAndWritten) {
  Bytes content(3'000'000);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i * i >> 7);
  {
    const auto file = files.create(root / "a");
    file->allocate(content.size());
    file->bypass_cache();
    for (std::size_t at = 0; at < content.size(); at += 1 << 20) {
      file->write_at(
          at, ByteView(content).subspan(at, std::min<std::size_t>(1 << 20, content.size() - at)));
    }
  }
  EXPECT_EQ(read_file(files, root / "a"), content);

  const auto file = files.open_read(root / "a");
  file->bypass_cache();
  Buffer memory;
  for (const std::size_t offset : {0, 1, 4096, 8191, 2'600'000, 2'999'999, 3'000'000}) {
    for (const std::size_t misaligned : {0, 16, 4095}) {
      const MutableByteView out = memory.first(content.size() + misaligned).subspan(misaligned);
      const std::size_t size = file->read_at(offset, out);
      ASSERT_EQ(size, content.size() - offset) << offset << ", " << misaligned;
      EXPECT_TRUE(std::ranges::equal(out.first(size), ByteView(content).subspan(offset)))
          << offset << ", " << misaligned;
    }
  }
}

TEST_F(PosixFiles, AllocateSetsTheSizeButNeverShrinks) {
  const auto file = files.create(root / "a");
  file->allocate(8192);
  EXPECT_EQ(file->size(), 8192u);
  file->allocate(10);
  EXPECT_EQ(file->size(), 8192u);
  file->truncate(10);
  EXPECT_EQ(file->size(), 10u);
}

TEST_F(PosixFiles, CreateNeverReplaces) {
  write(root / "a", "old");
  EXPECT_EQ(code_of([&] { files.create(root / "a"); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(read(root / "a"), "old");
}

TEST_F(PosixFiles, FilesAndDirectoriesAreForTheirOwnerWhateverTheUmask) {
  for (const mode_t mask : {0000, 0777}) {
    const mode_t before = ::umask(mask);
    const std::string name = "umask-" + std::to_string(mask);
    files.make_directories(root / name / "below");
    files.create(root / name / "file");
    ::umask(before);
    EXPECT_EQ(files.status(root / name)->mode, 0700u);
    EXPECT_EQ(files.status(root / name / "below")->mode, 0700u);
    EXPECT_EQ(files.status(root / name / "file")->mode, 0600u);
  }
}

TEST_F(PosixFiles, WhatIsNotThereIsNotFound) {
  const Path absent = root / "absent";
  EXPECT_EQ(code_of([&] { files.open_read(absent); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.open_write(absent); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.remove(absent); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.rename(absent, root / "b"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.rename_new(absent, root / "b"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.create(absent / "b"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.list(absent); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { files.sync_directory(absent); }), ErrorCode::kNotFound);
  EXPECT_FALSE(files.status(absent).has_value());
  write(root / "file", "");
  EXPECT_FALSE(files.status(root / "file" / "below").has_value());
}

TEST_F(PosixFiles, AnErrorNamesThePath) {
  try {
    files.open_read(root / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.happened().find((root / "absent").string()), std::string::npos);
  }
}

TEST_F(PosixFiles, RenameReplacesAndRenameNewDoesNot) {
  write(root / "a", "new");
  write(root / "b", "old");
  EXPECT_EQ(code_of([&] { files.rename_new(root / "a", root / "b"); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(read(root / "b"), "old");
  files.rename(root / "a", root / "b");
  EXPECT_EQ(read(root / "b"), "new");
  files.rename_new(root / "b", root / "c");
  EXPECT_EQ(names(root.path()), std::vector<std::string>{"c"});
}

TEST_F(PosixFiles, RemovesFilesAndEmptyDirectoriesOnly) {
  files.make_directories(root / "d");
  write(root / "d" / "a", "x");
  EXPECT_THROW(files.remove(root / "d"), Error);
  files.remove(root / "d" / "a");
  files.remove(root / "d");
  EXPECT_TRUE(names(root.path()).empty());
}

TEST_F(PosixFiles, MakesMissingParentsAndAcceptsWhatIsThere) {
  files.make_directories(root / "a" / "b" / "c/");
  EXPECT_TRUE(files.status(root / "a" / "b" / "c")->directory);
  EXPECT_NO_THROW(files.make_directories(root / "a" / "b"));
}

TEST_F(PosixFiles, RefusesToMakeADirectoryWhereAFileIs) {
  write(root / "a", "");
  EXPECT_THROW(files.make_directories(root / "a"), Error);
  EXPECT_THROW(files.make_directories(root / "a" / "b"), Error);
}

TEST_F(PosixFiles, SeveralThreadsMayMakeTheSameDirectories) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { EXPECT_NO_THROW(files.make_directories(root / "a/b/c/d")); });
    }
  }
  EXPECT_TRUE(files.status(root / "a/b/c/d")->directory);
}

TEST_F(PosixFiles, ListsInOrderOfName) {
  for (const char* name : {"b", "a", "C", ".hidden"}) write(root / name, name);
  files.make_directories(root / "d");
  EXPECT_THAT(names(root.path()), testing::ElementsAre(".hidden", "C", "a", "b", "d"));
  const auto entries = files.list(root.path());
  EXPECT_EQ(entries[0].status.size, 7u);
  EXPECT_FALSE(entries[0].status.directory);
  EXPECT_TRUE(entries[4].status.directory);
}

TEST_F(PosixFiles, TellsTheSameEntriesWithoutTheirStatus) {
  for (const char* name : {"b", "a", "C", ".hidden"}) write(root / name, name);
  files.make_directories(root / "d");
  std::filesystem::create_symlink(root / "d", root / "link");
  std::filesystem::create_symlink("/absent", root / "dangling");
  std::map<std::string, bool> listed, named, visited;
  for (const auto& entry : files.list(root.path())) listed[entry.name] = entry.status.directory;
  for (const auto& entry : files.list_names(root.path()))
    named[entry.name] = entry.status.directory;
  files.visit_names(root.path(), [&](std::string_view name, bool directory) {
    EXPECT_TRUE(visited.emplace(name, directory).second) << name;
  });
  EXPECT_EQ(listed.size(), 6u);
  EXPECT_TRUE(listed.at("link"));
  EXPECT_EQ(named, listed);
  EXPECT_EQ(visited, listed);
  EXPECT_EQ(code_of([&] { files.visit_names(root / "absent", [](std::string_view, bool) {}); }),
            ErrorCode::kNotFound);
}

TEST_F(PosixFiles, SetsModesAndTimes) {
  write(root / "a", "x");
  files.set_mode(root / "a", 0640);
  EXPECT_EQ(files.status(root / "a")->mode, 0640u);
  const Time moment = *parse_rfc3339("2020-02-03T04:05:06.789012Z");
  files.set_modified(root / "a", moment);
  EXPECT_EQ(files.status(root / "a")->modified, moment);
}

TEST_F(PosixFiles, TheIdentityFollowsARenameAndIsNotSharedByAReplacement) {
  write(root / "a", "x");
  const auto identity = files.status(root / "a")->identity;
  files.rename(root / "a", root / "b");
  EXPECT_EQ(files.status(root / "b")->identity, identity);
  write(root / "c", "y");
  files.rename(root / "c", root / "b");
  EXPECT_NE(files.status(root / "b")->identity, identity);
}

TEST_F(PosixFiles, FreeSpaceIsThatOfTheFileSystem) {
  EXPECT_GT(files.free_space(root.path()), 0u);
  EXPECT_EQ(code_of([&] { files.free_space(root / "absent"); }), ErrorCode::kNotFound);
}

TEST_F(PosixFiles, HandlesAreNotInheritedByOtherPrograms) {
  const auto file = files.create(root / "a");
  bool found = false;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    std::error_code error;
    const auto target =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
    if (flags < 0 || target != root / "a") continue;
    found = true;
    EXPECT_TRUE(flags & FD_CLOEXEC);
  }
  EXPECT_TRUE(found);
}

TEST_F(PosixFiles, WritingAWholeFileReplacesItAndLeavesNothingBeside) {
  write_file_atomically(files, root / "config", as_bytes("one"));
  write_file_atomically(files, root / "config", as_bytes("two"));
  EXPECT_EQ(read(root / "config"), "two");
  EXPECT_THAT(names(root.path()), testing::ElementsAre("config"));
}

TEST_F(PosixFiles, AFailedWholeFileKeepsTheOldOneAndLeavesNothingBeside) {
  write_file_atomically(files, root / "config", as_bytes("one"));
  for (const auto verb : {FaultFileSystem::Verb::kWrite, FaultFileSystem::Verb::kSync}) {
    FaultFileSystem faulty(files);
    faulty.inject({.verb = verb, .error_number = ENOSPC});
    EXPECT_EQ(code_of([&] { write_file_atomically(faulty, root / "config", as_bytes("two")); }),
              ErrorCode::kDiskFull);
    EXPECT_EQ(read(root / "config"), "one");
    EXPECT_THAT(names(root.path()), testing::ElementsAre("config"));
  }
}

TEST(Randomness, NamesAreHexadecimalAndDiffer) {
  const std::string one = random_name();
  EXPECT_EQ(one.size(), 16u);
  EXPECT_EQ(one.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(one, random_name());
}

TEST(TemporaryDirectories, AreGoneAfterwardsWithReadOnlyContent) {
  Path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    posix_file_system().make_directories(directory / "a/b");
    posix_file_system().create(directory / "a/b/c");
    posix_file_system().set_mode(directory / "a/b", 0500);
  }
  EXPECT_FALSE(posix_file_system().status(path).has_value());
}

}  // namespace
}  // namespace holdfast::env
