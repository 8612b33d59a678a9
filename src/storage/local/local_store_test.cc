#include "storage/local/local_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/test_errors.h"
#include "env/crash_file_system.h"
#include "env/fault_file_system.h"
#include "env/temporary_directory.h"

namespace holdfast::storage {
namespace {

using FileVerb = env::FaultFileSystem::Verb;

constexpr PutOptions kReplacing{.mode = PutMode::kReplace};

std::optional<Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

class LocalStoreTest : public testing::Test {
 protected:
  std::vector<std::string> temporaries() {
    std::vector<std::string> names;
    if (!posix.status(root / "+tmp")) return names;
    for (const auto& entry : posix.list(root / "+tmp")) names.push_back(entry.name);
    return names;
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    store.list("", [&](std::string_view name, const ObjectStatus&) { found.emplace_back(name); });
    return found;
  }
  std::string text(std::string_view name) { return std::string(as_text(store.get(name))); }

  env::FileSystem& posix = env::posix_file_system();
  const env::TemporaryDirectory directory;
  const env::Path root = directory / "repository";
  env::FaultFileSystem files{posix};
  LocalStore store{files, root};
};

TEST_F(LocalStoreTest, MakesItsRootOnlyWhenTheFirstObjectIsPut) {
  names();
  EXPECT_FALSE(posix.status(root).has_value());
  store.put("config", as_bytes("x"));
  EXPECT_EQ(posix.status(root)->mode, 0700u);
  EXPECT_EQ(posix.status(root / "config")->mode, 0600u);
}

TEST_F(LocalStoreTest, ARootThatVanishedIsReportedAndNotMadeAgain) {
  store.put("packs/a", as_bytes("x"));
  std::filesystem::rename(root, directory / "elsewhere");
  Bytes out(1);
  const std::function<void()> calls[] = {[&] { store.put("packs/b", as_bytes("x")); },
                                         [&] { store.get("packs/a"); },
                                         [&] { store.get_range("packs/a", 0, out); },
                                         [&] { store.stat("packs/a"); },
                                         [&] { store.remove("packs/a"); },
                                         [&] { names(); }};
  for (const auto& call : calls) {
    const auto error = error_of(call);
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kRepositoryMissing);
    EXPECT_NE(error->happened().find(root.string()), std::string::npos) << error->happened();
  }
  EXPECT_FALSE(posix.status(root).has_value());
  std::filesystem::rename(directory / "elsewhere", root);
  EXPECT_EQ(text("packs/a"), "x");
}

TEST_F(LocalStoreTest, RefusesAFileAsItsRoot) {
  env::write_file_atomically(posix, directory / "file", as_bytes("x"));
  EXPECT_EQ(code_of([&] { LocalStore(posix, directory / "file"); }), ErrorCode::kRepositoryMissing);
}

TEST_F(LocalStoreTest, AReadOnlyRootIsReadButDeniesPermissionToWrite) {
  store.put("a", as_bytes("x"));
  files.make_read_only(root);
  EXPECT_EQ(text("a"), "x");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
  const auto error = error_of([&] { store.put("b", as_bytes("x")); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kPermissionDenied);
  EXPECT_NE(error->happened().find(root.string()), std::string::npos) << error->happened();
  EXPECT_EQ(code_of([&] { store.put("a", as_bytes("y"), kReplacing); }),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(code_of([&] { store.remove("a"); }), ErrorCode::kPermissionDenied);
  EXPECT_EQ(text("a"), "x");
}

TEST_F(LocalStoreTest, KeepsTheOldObjectAndNothingElseWhenAReplacingPutFails) {
  store.put("a", as_bytes("old"));
  for (const auto verb : {FileVerb::kWrite, FileVerb::kSync, FileVerb::kName}) {
    files.inject({.verb = verb, .error_number = ENOSPC});
    EXPECT_EQ(code_of([&] { store.put("a", as_bytes("new"), kReplacing); }), ErrorCode::kDiskFull);
    files.repair();
    EXPECT_EQ(text("a"), "old");
    EXPECT_TRUE(temporaries().empty());
  }
}

TEST_F(LocalStoreTest, AFullDiskInTheMiddleOfALargeObjectLeavesNothing) {
  const Bytes content(10'000'000, std::byte{1});
  files.inject({.verb = FileVerb::kWrite, .error_number = ENOSPC, .skip = 2});
  EXPECT_EQ(code_of([&] { store.put("packs/a", content); }), ErrorCode::kDiskFull);
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(temporaries().empty());
}

TEST_F(LocalStoreTest, AFailingDiskIsNotMistakenForAMissingObject) {
  store.put("a", as_bytes("x"));
  files.break_reading(root);
  Bytes out(1);
  EXPECT_EQ(code_of([&] { store.get("a"); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { store.get_range("a", 0, out); }), ErrorCode::kIo);
}

TEST_F(LocalStoreTest, ADirectoryInTheWayIsNotMistakenForTheObject) {
  store.put("a/b", as_bytes("x"));
  EXPECT_EQ(code_of([&] { store.put("a", as_bytes("x")); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { store.put("a/b/c", as_bytes("x")); }), ErrorCode::kIo);
  EXPECT_THAT(names(), testing::ElementsAre("a/b"));
}

TEST_F(LocalStoreTest, NeverListsWhatIsNotItsOwn) {
  store.put("packs/a", as_bytes("x"));
  posix.make_directories(root / "lost+found");
  posix.create(root / "lost+found" / "a");
  posix.create(root / ".DS_Store");
  posix.create(root / "packs" / "Thumbs.db");
  posix.create(root / "+tmp" / "0123456789abcdef");
  std::filesystem::create_symlink("/absent", root / "dangling");
  EXPECT_THAT(names(), testing::ElementsAre("packs/a"));
}

TEST_F(LocalStoreTest, RemovesWhatKilledProcessesLeftADayAgo) {
  store.put("a", as_bytes("x"));
  posix.create(root / "+tmp" / "old");
  posix.create(root / "+tmp" / "recent");
  const Time now = posix.status(root / "a")->modified;
  posix.set_modified(root / "+tmp" / "old", now - std::chrono::hours(25));
  posix.set_modified(root / "+tmp" / "recent", now - std::chrono::hours(23));
  LocalStore(posix, root).put("b", as_bytes("x"));
  EXPECT_THAT(temporaries(), testing::ElementsAre("recent"));
}

TEST_F(LocalStoreTest, EphemeralObjectsCostNoSync) {
  store.put("intents/a", as_bytes("x"));
  files.inject({.verb = FileVerb::kSync, .error_number = EIO});
  store.put("intents/a", as_bytes("y"), {.mode = PutMode::kReplace, .ephemeral = true});
  EXPECT_EQ(files.faults(), 0u);
  EXPECT_EQ(text("intents/a"), "y");
}

TEST_F(LocalStoreTest, SyncsNoDirectoryThatHasNotChangedForLong) {
  store.put("index/a", as_bytes("x"));
  store.put("snapshots/a", as_bytes("x"));
  const Time now = posix.status(root / "index/a")->modified;
  for (const auto& path : {root / "index", root / "snapshots", root}) {
    posix.set_modified(path, now - std::chrono::hours(1));
  }
  LocalStore later(files, root);
  later.list("", [](std::string_view, const ObjectStatus&) {});
  files.inject({.verb = FileVerb::kSync, .error_number = EIO, .below = root / "index"});
  EXPECT_NO_THROW(later.put("snapshots/b", as_bytes("x")));
  EXPECT_EQ(files.faults(), 0u);
  posix.create(root / "index" / "new");
  later.list("", [](std::string_view, const ObjectStatus&) {});
  EXPECT_EQ(code_of([&] { later.put("snapshots/c", as_bytes("x")); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { later.put("snapshots/c", as_bytes("x")); }), ErrorCode::kIo)
      << "it is still not durable";
}

// Counts how often each directory is synced.
class CountingSyncs : public env::FaultFileSystem {
 public:
  using FaultFileSystem::FaultFileSystem;
  void sync_directory(const env::Path& path) override {
    ++syncs[(path / "").parent_path()];
    FaultFileSystem::sync_directory(path);
  }
  std::map<env::Path, int> syncs;
};

TEST_F(LocalStoreTest, SyncsADirectoryBelowAListedOneOnceForEachPut) {
  CountingSyncs counting(posix);
  LocalStore nested(counting, root);
  nested.put("timelines/app/1", as_bytes("x"));
  for (int number = 2; number < 5; ++number) {
    nested.list("timelines/", [](std::string_view, const ObjectStatus&) {});
    counting.syncs.clear();
    nested.put(fmt::format("timelines/app/{}", number), as_bytes("x"));
    EXPECT_EQ(counting.syncs[root / "timelines" / "app"], 1) << number;
  }
}

// Counts how often files are opened for reading.
class CountingFiles : public env::FaultFileSystem {
 public:
  using FaultFileSystem::FaultFileSystem;
  std::unique_ptr<env::File> open_read(const env::Path& path) override {
    ++opened;
    return FaultFileSystem::open_read(path);
  }
  int opened = 0;
};

TEST_F(LocalStoreTest, OpensAnObjectOnceForManyRanges) {
  CountingFiles counting(posix);
  LocalStore reading(counting, root);
  for (int i = 0; i < 65; ++i) store.put(fmt::format("packs/{}", i), Bytes(100));
  Bytes out(10);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 64; ++i) reading.get_range(fmt::format("packs/{}", i), 5, out);
  }
  EXPECT_EQ(counting.opened, 64);
  reading.get_range("packs/64", 0, out);
  reading.get_range("packs/63", 0, out);
  EXPECT_EQ(counting.opened, 65) << "the one used longest ago makes room";
  reading.get_range("packs/0", 0, out);
  EXPECT_EQ(counting.opened, 66);
}

// What is true of the objects at each moment, whatever happens.
class LocalStoreCrash : public testing::Test {
 protected:
  struct Acknowledged {
    bool created = false, replaced = false, removed = false;
  };

  static Acknowledged work(env::FileSystem& files, const env::Path& root) {
    Acknowledged done;
    try {
      LocalStore store(files, root);
      store.put("packs/created", Bytes(5000, std::byte{'c'}));
      done.created = true;
      store.put("config", Bytes(3000, std::byte{'n'}), kReplacing);
      done.replaced = true;
      store.remove("packs/removed");
      done.removed = true;
    } catch (const env::CrashError&) {
    }
    return done;
  }

  static void check(Store& store, const Acknowledged& done) {
    const auto created = store.stat("packs/created");
    EXPECT_TRUE(created.has_value() || !done.created);
    if (created) {
      EXPECT_TRUE(store.get("packs/created") == Bytes(5000, std::byte{'c'}));
    }
    const Bytes config = store.get("config");
    EXPECT_TRUE(config == Bytes(3000, std::byte{'n'}) ||
                (!done.replaced && config == Bytes(2000, std::byte{'o'})));
    if (done.removed) {
      EXPECT_FALSE(store.stat("packs/removed").has_value());
    }
  }
};

TEST_F(LocalStoreCrash, EveryObjectIsWholeAndEveryAcknowledgementKeptWhereverThePowerIsLost) {
  std::uint64_t operations = 1;
  for (std::uint64_t stop = 1; stop <= operations; ++stop) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      const env::TemporaryDirectory directory;
      {
        LocalStore before(env::posix_file_system(), directory / "r");
        before.put("config", Bytes(2000, std::byte{'o'}));
        before.put("packs/removed", as_bytes("x"));
      }
      env::CrashFileSystem files(directory.path());
      files.stop_at(stop, static_cast<env::CrashFileSystem::Effect>(seed % 3));
      const Acknowledged done = work(files, directory / "r");
      operations = std::max(operations, files.operation_count() + (files.stopped() ? 1 : 0));
      SCOPED_TRACE(fmt::format("{}, seed {}", files.description(stop), seed));
      files.lose_unsynced(seed);
      LocalStore after(env::posix_file_system(), directory / "r");
      check(after, done);
    }
  }
  EXPECT_GT(operations, 10u);
}

TEST_F(LocalStoreCrash, RemovingManySyncsEachDirectoryOnce) {
  const env::TemporaryDirectory directory;
  env::CrashFileSystem files(directory.path());
  LocalStore store(files, directory / "r");
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(fmt::format("d{}/{}", i % 2, i));
  for (const std::string& name : names) store.put(name, as_bytes("x"));
  files.restart();
  store.remove_many(names);
  EXPECT_EQ(files.operation_count(), names.size() + 2);
}

TEST_F(LocalStoreCrash, WhatALaterProcessSawOfAKilledOneSurvivesAPowerLossToo) {
  for (const bool by_listing : {true, false}) {
    std::uint64_t operations = 1;
    for (std::uint64_t stop = 1; stop <= operations; ++stop) {
      const env::TemporaryDirectory directory;
      env::CrashFileSystem files(directory.path());
      files.stop_at(stop, env::CrashFileSystem::Effect::kWhole);
      try {
        LocalStore(files, directory / "r").put("index/a", as_bytes("text"));
      } catch (const env::CrashError&) {
      }
      operations = std::max(operations, files.operation_count() + (files.stopped() ? 1 : 0));
      const std::string where = files.description(stop);
      files.restart();
      bool seen = false;
      {
        LocalStore later(files, directory / "r");
        if (by_listing) {
          later.list("index/", [&](std::string_view, const ObjectStatus&) { seen = true; });
          later.put("snapshots/b", as_bytes("built upon it"));
        } else {
          try {
            later.put("index/a", as_bytes("text"));
          } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::kAlreadyExists);
          }
          seen = true;
        }
      }
      files.lose_unsynced(0);
      LocalStore after(env::posix_file_system(), directory / "r");
      EXPECT_TRUE(!seen || after.stat("index/a").has_value()) << where;
    }
  }
}

}  // namespace
}  // namespace holdfast::storage
