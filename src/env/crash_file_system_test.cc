#include "env/crash_file_system.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "base/error.h"
#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

class CrashFiles : public testing::Test {
 protected:
  CrashFiles() {
    std::filesystem::create_directory(root);
    files = std::make_unique<CrashFileSystem>(root);
  }

  // Durable content and name.
  void settle(const Path& path, std::string_view text) {
    const auto file = files->create(path);
    file->write_at(0, as_bytes(text));
    file->sync();
    files->sync_directory(path.parent_path());
  }
  bool exists(const Path& path) { return std::filesystem::exists(path); }
  std::string read(const Path& path) {
    return exists(path) ? std::string(as_text(read_file(posix_file_system(), path))) : "(absent)";
  }
  // All that the root can become, over many seeds, when `work` is done and nothing is synced after
  // it.
  std::set<std::string> outcomes(const std::function<void(CrashFileSystem&, const Path&)>& work,
                                 const std::function<std::string(const Path&)>& look) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const TemporaryDirectory one;
      std::filesystem::create_directory(one / "root");
      CrashFileSystem crashing(one / "root");
      work(crashing, one / "root");
      crashing.lose_unsynced(seed);
      seen.insert(look(one / "root"));
    }
    return seen;
  }

  const TemporaryDirectory directory;
  const Path root = directory / "root";
  std::unique_ptr<CrashFileSystem> files;
};

TEST_F(CrashFiles, NumbersWhatChangesSomethingAndCountsReadsApart) {
  files->make_directories(root / "d");
  {
    const auto file = files->create(root / "d/a");
    file->write_at(0, as_bytes("text"));
    file->sync();
    Bytes out(4);
    EXPECT_EQ(file->read_at(0, out), 4u);
  }
  files->rename(root / "d/a", root / "d/b");
  files->sync_directory(root / "d");
  const char* expected[] = {"1 make_directories d", "2 sync_directory .", "3 create d/a",
                            "4 write_at d/a 0+4",   "5 sync d/a",         "6 rename d/a d/b",
                            "7 sync_directory d"};
  EXPECT_EQ(files->operation_count(), std::size(expected));
  for (std::uint64_t i = 1; i <= std::size(expected); ++i) {
    EXPECT_EQ(files->description(i), expected[i - 1]);
  }
  EXPECT_GE(files->read_count(), 1u);
}

TEST_F(CrashFiles, StopsBeforeAnOperationAndForAllLaterOnes) {
  const auto file = files->create(root / "a");
  files->stop_at(2);
  EXPECT_THROW(file->write_at(0, as_bytes("text")), CrashError);
  EXPECT_TRUE(files->stopped());
  Bytes out(1);
  EXPECT_THROW(file->sync(), CrashError);
  EXPECT_THROW((void)file->read_at(0, out), CrashError);
  EXPECT_THROW(file->size(), CrashError);
  EXPECT_THROW(files->create(root / "b"), CrashError);
  EXPECT_THROW(files->open_read(root / "a"), CrashError);
  EXPECT_THROW(files->status(root / "a"), CrashError);
  EXPECT_THROW(files->list(root), CrashError);
  std::jthread([&] { EXPECT_THROW(files->remove(root / "a"), CrashError); }).join();
  EXPECT_EQ(read(root / "a"), "");
}

TEST_F(CrashFiles, TheCrashIsNoErrorThatAnybodyHandles) {
  files->stop_at(1);
  try {
    files->create(root / "a");
    FAIL();
  } catch (const std::exception&) {
    FAIL() << "caught as an ordinary exception";
  } catch (const CrashError& crash) {
    EXPECT_EQ(crash.where(), "at operation 1: create a");
  }
}

TEST_F(CrashFiles, TheStoppedOperationMayHaveDoneAPartOrAll) {
  const auto write_with = [&](CrashFileSystem::Effect effect, const Path& path) {
    files->restart();
    const auto file = files->create(path);
    files->stop_at(2, effect);
    EXPECT_THROW(file->write_at(0, as_bytes("abcdefgh")), CrashError);
    return read(path);
  };
  EXPECT_EQ(write_with(CrashFileSystem::Effect::kNone, root / "none"), "");
  EXPECT_EQ(write_with(CrashFileSystem::Effect::kPart, root / "part"), "abcd");
  EXPECT_EQ(write_with(CrashFileSystem::Effect::kWhole, root / "whole"), "abcdefgh");
}

TEST_F(CrashFiles, AKilledProcessLosesNothingAndTheNextOneGoesOn) {
  {
    const auto file = files->create(root / "a");
    file->write_at(0, as_bytes("text"));
  }
  files->stop_at(3);
  EXPECT_THROW(files->remove(root / "a"), CrashError);
  files->restart();
  EXPECT_EQ(files->operation_count(), 0u);
  EXPECT_EQ(as_text(read_file(*files, root / "a")), "text");
  files->lose_unsynced(0);
  EXPECT_FALSE(exists(root / "a")) << "what the first process wrote was never synced";
}

TEST_F(CrashFiles, LosesContentThatWasNotSynced) {
  settle(root / "a", "old content");
  {
    const auto file = files->open_write(root / "a");
    file->write_at(4, as_bytes("CONTENT and more"));
    file->truncate(6);
    file->allocate(100);
  }
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "a"), "old content");
}

TEST_F(CrashFiles, KeepsContentThatWasSynced) {
  settle(root / "a", "old content");
  {
    const auto file = files->open_write(root / "a");
    file->write_at(0, as_bytes("NEW"));
    file->sync();
    file->write_at(4, as_bytes("LOST"));
  }
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "a"), "NEW content");
}

TEST_F(CrashFiles, LosesEveryKindOfNameThatWasNotSynced) {
  settle(root / "kept", "kept");
  settle(root / "removed", "removed");
  settle(root / "replaced", "replaced");
  settle(root / "moved", "moved");
  const auto file = files->create(root / "created");
  file->sync();
  files->remove(root / "removed");
  files->rename(root / "moved", root / "replaced");
  files->lose_unsynced(0);
  EXPECT_FALSE(exists(root / "created"));
  EXPECT_EQ(read(root / "removed"), "removed");
  EXPECT_EQ(read(root / "replaced"), "replaced");
  EXPECT_EQ(read(root / "moved"), "moved");
  EXPECT_EQ(read(root / "kept"), "kept");
}

TEST_F(CrashFiles, KeepsEveryKindOfNameThatWasSynced) {
  settle(root / "removed", "removed");
  settle(root / "replaced", "replaced");
  settle(root / "moved", "moved");
  files->create(root / "created");
  files->remove(root / "removed");
  files->rename(root / "moved", root / "replaced");
  files->sync_directory(root);
  files->lose_unsynced(0);
  EXPECT_TRUE(exists(root / "created"));
  EXPECT_FALSE(exists(root / "removed"));
  EXPECT_EQ(read(root / "replaced"), "moved");
  EXPECT_FALSE(exists(root / "moved"));
}

TEST_F(CrashFiles, ADurableNameDoesNotMakeItsContentDurable) {
  {
    const auto file = files->create(root / "a");
    file->write_at(0, as_bytes("text"));
  }
  files->sync_directory(root);
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "a"), "");
}

TEST_F(CrashFiles, ARenameBetweenDirectoriesIsDurableWithTheNewName) {
  files->make_directories(root / "tmp");
  files->make_directories(root / "packs");
  const auto file = files->create(root / "tmp/x");
  file->write_at(0, as_bytes("pack"));
  file->sync();
  files->rename_new(root / "tmp/x", root / "packs/y");
  files->sync_directory(root / "packs");
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "packs/y"), "pack");
  EXPECT_FALSE(exists(root / "tmp/x"));
}

TEST_F(CrashFiles, ADirectoryThatWasMadeIsDurable) {
  files->make_directories(root / "a/b/c");
  files->lose_unsynced(0);
  EXPECT_TRUE(exists(root / "a/b/c"));
}

TEST_F(CrashFiles, ARemovedDirectoryComesBackWithWhatItHeld) {
  files->make_directories(root / "d");
  settle(root / "d/a", "text");
  files->remove(root / "d/a");
  files->remove(root / "d");
  EXPECT_FALSE(exists(root / "d"));
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "d/a"), "text");
}

TEST_F(CrashFiles, ModesAndTimesAreContent) {
  settle(root / "a", "text");
  files->set_mode(root / "a", 0400);
  files->lose_unsynced(0);
  EXPECT_EQ(posix_file_system().status(root / "a")->mode, 0600u);
  files->set_mode(root / "a", 0400);
  files->open_write(root / "a")->sync();
  files->lose_unsynced(0);
  EXPECT_EQ(posix_file_system().status(root / "a")->mode, 0400u);
}

TEST_F(CrashFiles, WhatOthersWroteIsDurableAsFound) {
  settle(root / "ours", "ours");
  std::ofstream(root / "theirs") << "theirs";
  std::ofstream(root / "ours") << "changed by them";
  files->create(root / "new");
  std::filesystem::remove(root / "new");
  std::ofstream(root / "new") << "theirs now";
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "theirs"), "theirs");
  EXPECT_EQ(read(root / "ours"), "changed by them");
  EXPECT_EQ(read(root / "new"), "theirs now");
}

TEST_F(CrashFiles, LeavesOtherPathsAlone) {
  files->stop_at(1);
  const Path outside = directory / "outside";
  {
    const auto file = files->create(outside);
    file->write_at(0, as_bytes("text"));
  }
  EXPECT_EQ(files->operation_count(), 0u);
  files->lose_unsynced(0);
  EXPECT_EQ(read(outside), "text");
}

TEST_F(CrashFiles, FailsAsTheRealOnesDo) {
  settle(root / "a", "a");
  settle(root / "b", "b");
  files->make_directories(root / "d");
  settle(root / "d/x", "x");
  EXPECT_THROW(files->create(root / "a"), Error);
  EXPECT_THROW(files->rename_new(root / "a", root / "b"), Error);
  EXPECT_THROW(files->remove(root / "absent"), Error);
  EXPECT_THROW(files->remove(root / "d"), Error);
  EXPECT_THROW(files->make_directories(root / "a"), Error);
  EXPECT_THROW(files->sync_directory(root / "absent"), Error);
  EXPECT_THROW(files->rename(root / "absent", root / "b"), Error);
  files->lose_unsynced(0);
  EXPECT_EQ(read(root / "a") + read(root / "b") + read(root / "d/x"), "abx");
}

TEST_F(CrashFiles, LeavesNothingBesideTheRoot) {
  settle(root / "a", "a");
  files->remove(root / "a");
  files->lose_unsynced(0);
  files->remove(root / "a");
  files.reset();
  std::vector<std::string> names;
  for (const auto& entry : posix_file_system().list(directory.path())) names.push_back(entry.name);
  EXPECT_EQ(names, std::vector<std::string>{"root"});
}

TEST_F(CrashFiles, UnsyncedNamesSurviveInEveryPossibleCombination) {
  const auto seen = outcomes(
      [](CrashFileSystem& crashing, const Path& place) {
        crashing.create(place / "a");
        crashing.create(place / "b");
        crashing.rename(place / "b", place / "c");
      },
      [](const Path& place) {
        std::string names;
        for (const auto& entry : posix_file_system().list(place)) names += entry.name;
        return names;
      });
  EXPECT_EQ(seen, (std::set<std::string>{"", "a", "b", "c", "ab", "ac"}));
}

TEST_F(CrashFiles, AReplacingRenameIsNeverSeenHalfDone) {
  const auto seen = outcomes(
      [](CrashFileSystem& crashing, const Path& place) {
        std::ofstream(place / "file") << "old";
        const auto file = crashing.create(place / "beside");
        file->write_at(0, as_bytes("new"));
        file->sync();
        crashing.rename(place / "beside", place / "file");
      },
      [](const Path& place) {
        return std::string(as_text(read_file(posix_file_system(), place / "file")));
      });
  EXPECT_EQ(seen, (std::set<std::string>{"old", "new"}));
}

TEST_F(CrashFiles, UnsyncedWritesAreLostKeptOrTornAtSectors) {
  const auto seen = outcomes(
      [](CrashFileSystem& crashing, const Path& place) {
        std::ofstream(place / "file") << std::string(1024, 'o');
        const auto file = crashing.open_write(place / "file");
        file->write_at(0, Bytes(1024, std::byte{'n'}));
      },
      [](const Path& place) {
        const Bytes content = read_file(posix_file_system(), place / "file");
        std::string sectors;
        for (std::size_t at = 0; at < content.size(); at += 512) {
          const std::set<std::byte> values(content.begin() + static_cast<std::ptrdiff_t>(at),
                                           content.begin() + static_cast<std::ptrdiff_t>(at + 512));
          EXPECT_EQ(values.size(), 1u);
          sectors += static_cast<char>(*values.begin());
        }
        return sectors;
      });
  EXPECT_EQ(seen, (std::set<std::string>{"oo", "nn", "on", "no"}));
}

TEST_F(CrashFiles, ASeedAlwaysLosesTheSame) {
  const auto state_after = [](std::uint64_t seed) {
    const TemporaryDirectory one;
    CrashFileSystem crashing(one.path());
    for (int i = 0; i < 20; ++i) {
      const auto file = crashing.create(one / std::to_string(i));
      file->write_at(0, Bytes(5000, std::byte{'x'}));
    }
    crashing.lose_unsynced(seed);
    std::string state;
    for (const auto& entry : posix_file_system().list(one.path())) {
      state += entry.name + " " + to_hex(read_file(posix_file_system(), one / entry.name)) + "\n";
    }
    return state;
  };
  std::set<std::string> states;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string state = state_after(seed);
    EXPECT_EQ(state, state_after(seed)) << "seed " << seed;
    states.insert(state);
  }
  EXPECT_GT(states.size(), 5u);
}

TEST_F(CrashFiles, AnAtomicallyWrittenFileIsOldOrNewAtEveryOperationAndSeed) {
  std::uint64_t operations = 0;
  for (std::uint64_t stop = 1; stop <= operations + 1; ++stop) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const TemporaryDirectory one;
      std::ofstream(one / "config") << "old";
      CrashFileSystem crashing(one.path());
      crashing.stop_at(stop, static_cast<CrashFileSystem::Effect>(seed % 3));
      bool acknowledged = false;
      try {
        write_file_atomically(crashing, one / "config", as_bytes("new"));
        acknowledged = true;
      } catch (const CrashError&) {
      }
      operations = std::max(operations, crashing.operation_count());
      crashing.lose_unsynced(seed);
      const std::string content = read(one / "config");
      EXPECT_TRUE(content == "new" || (content == "old" && !acknowledged))
          << content << " after " << crashing.description(stop) << ", seed " << seed;
    }
    if (operations < stop) break;
  }
  EXPECT_EQ(operations, 5u);
}

TEST_F(CrashFiles, SeveralThreadsMayWriteAtOnceAndAllStop) {
  files->stop_at(500);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        try {
          for (int i = 0;; ++i) {
            const Path path = root / (std::to_string(thread) + "-" + std::to_string(i));
            const auto file = files->create(path);
            file->write_at(0, as_bytes("text"));
            file->sync();
            files->remove(path);
          }
        } catch (const CrashError&) {
        }
      });
    }
  }
  EXPECT_EQ(files->operation_count(), 500u);
  EXPECT_NO_THROW(files->lose_unsynced(3));
}

}  // namespace
}  // namespace holdfast::env
