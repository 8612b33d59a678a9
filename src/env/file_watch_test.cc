#include "env/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Keys = std::vector<WatchKey>;

// With inotify alone, and with the safety net alone: whoever waits learns the same.
class FileWatchTest : public testing::TestWithParam<bool> {
 protected:
  Keys next() { return watch->wait(milliseconds(20'000), {}); }
  // What was changed just before is reported once more by the safety net: it cannot know better.
  void settle() {
    if (GetParam()) return;
    while (!watch->wait(milliseconds(200), {}).empty()) {
    }
  }
  static void append(const Path& path, std::string_view text = "x") {
    std::ofstream(path, std::ios::app) << text;
  }

  TemporaryDirectory folder;
  std::unique_ptr<FileWatch> watch =
      open_file_watch(GetParam() ? FileWatchOptions{.poll = hours(1), .use_inotify = true}
                                 : FileWatchOptions{.poll = milliseconds(5), .use_inotify = false});
  const Path file = folder / "app.db";
};

TEST_P(FileWatchTest, ReportsANewFileRightAwayAndThenNothing) {
  const WatchKey key = watch->add_file(file, {"-wal"});
  EXPECT_EQ(next(), Keys{key});
  EXPECT_EQ(watch->wait(milliseconds(0), {}), Keys{});
}

TEST_P(FileWatchTest, ReportsAWriteToTheFileAndToThoseBesideIt) {
  append(file);
  const WatchKey key = watch->add_file(file, {"-wal", "-journal"});
  next();
  settle();
  for (const char* suffix : {"", "-wal", "-journal"}) {
    append(file.native() + suffix);
    EXPECT_EQ(next(), Keys{key}) << suffix;
    settle();
  }
}

TEST_P(FileWatchTest, KeepsSilentAboutNeighbours) {
  watch->add_file(file, {"-wal"});
  next();
  settle();
  append(folder / "other.db");
  append(folder / "app.db-wal2");
  EXPECT_EQ(watch->wait(milliseconds(50), {}), Keys{});
}

TEST_P(FileWatchTest, TellsTheFilesOfOneDirectoryApart) {
  const WatchKey first = watch->add_file(file, {});
  const WatchKey second = watch->add_file(folder / "users.db", {});
  EXPECT_EQ(next(), (Keys{first, second}));
  append(folder / "users.db");
  EXPECT_EQ(next(), Keys{second});
}

TEST_P(FileWatchTest, ReportsAFileThatIsReplacedOrRemoved) {
  append(file, "old");
  const WatchKey key = watch->add_file(file, {});
  next();
  settle();
  append(folder / "next", "new");
  std::filesystem::rename(folder / "next", file);
  EXPECT_EQ(next(), Keys{key});
  settle();
  std::filesystem::remove(file);
  EXPECT_EQ(next(), Keys{key});
}

TEST_P(FileWatchTest, ReportsEntriesOfADirectory) {
  const WatchKey key = watch->add_directory(folder.path());
  EXPECT_EQ(next(), Keys{key});
  settle();
  append(folder / "a.db");
  EXPECT_EQ(next(), Keys{key});
  settle();
  std::filesystem::remove(folder / "a.db");
  EXPECT_EQ(next(), Keys{key});
}

TEST_P(FileWatchTest, AnswersNoKeyThatWasRemoved) {
  const WatchKey gone = watch->add_file(file, {});
  const WatchKey stays = watch->add_file(folder / "users.db", {});
  watch->remove(gone);
  EXPECT_EQ(next(), Keys{stays});
  append(file);
  EXPECT_EQ(watch->wait(milliseconds(50), {}), Keys{});
}

TEST_P(FileWatchTest, FollowsASymbolicLinkToWhereTheFileIs) {
  std::filesystem::create_directory(folder / "volume");
  append(folder / "volume/real.db");
  std::filesystem::create_symlink(folder / "volume/real.db", file);
  const WatchKey key = watch->add_file(file, {"-wal"});
  next();
  settle();
  append(folder / "volume/real.db-wal");
  EXPECT_EQ(next(), Keys{key});
}

TEST_P(FileWatchTest, EndsTheWaitWhenWokenOrStopped) {
  const std::jthread waker([&] { watch->wake(); });
  EXPECT_EQ(next(), Keys{});
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(watch->wait(hours(1), stop.get_token()), Keys{});
}

TEST_P(FileWatchTest, ReportsAFileAddedDuringTheWait) {
  WatchKey key = 0;
  std::jthread adder([&] { key = watch->add_file(file, {}); });
  const Keys keys = next();
  adder.join();
  EXPECT_EQ(keys, Keys{key});
}

// What only inotify tells.
class FileEventsTest : public testing::Test {
 protected:
  EventRecord record() const { return watch->events(key).value(); }
  FileEvents database() const { return record().files.at(0); }
  FileEvents index() const { return record().files.at(2); }
  static void append(const Path& path) { std::ofstream(path, std::ios::app) << "x"; }

  TemporaryDirectory folder;
  const Path file = folder / "app.db", shm = folder / "app.db-shm";
  std::unique_ptr<FileWatch> watch = open_file_watch({.poll = hours(1)});
  WatchKey key = watch->add_file(file, {"-wal"}, {"-shm"});
};

TEST_F(FileEventsTest, SayWhatCameAfterWhatThoughTheirTimesAreTheSame) {
  const auto before = record().now;
  append(shm);
  append(file);
  EXPECT_GT(index().appeared, before);
  EXPECT_GT(database().written, index().appeared);
  EXPECT_EQ(index().vanished, 0u);
  std::filesystem::remove(shm);
  EXPECT_GT(index().vanished, database().written);
  append(file);
  EXPECT_GT(database().written, index().vanished);
  std::filesystem::resize_file(file, 0);
  EXPECT_EQ(database().written, record().now);
}

TEST_F(FileEventsTest, TakeARenameForADisappearanceAndAnAppearance) {
  append(folder / "other");
  std::filesystem::rename(folder / "other", file);
  EXPECT_EQ(database().appeared, record().now);
  std::filesystem::rename(file, folder / "aside");
  EXPECT_GT(database().vanished, database().appeared);
}

TEST_F(FileEventsTest, StillWakeWhoeverWaits) {
  watch->wait(milliseconds(0), {});
  append(file);
  record();
  EXPECT_EQ(watch->wait(milliseconds(20'000), {}), Keys{key});
}

TEST_F(FileEventsTest, AreUnbrokenOnlySinceTheNamesWereWatched) {
  const auto before = record().now;
  const WatchKey second = watch->add_file(folder / "users.db", {});
  EXPECT_GT(watch->events(second)->unbroken_since, before);
  EXPECT_LE(record().unbroken_since, before);
}

TEST_F(FileEventsTest, AreUnknownWhereNothingIsWatched) {
  const WatchKey inner = watch->add_file(folder / "inner" / "app.db", {});
  EXPECT_FALSE(watch->events(inner));
  watch->remove(key);
  EXPECT_FALSE(watch->events(key));
}

TEST_F(FileEventsTest, AreBrokenWhereTheQueueOverflowed) {
  const auto before = record().now;
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int most = 0;
  limit >> most;
  for (int i = 0; i < most / 2 + 1; ++i) {  // two events each, unlike those before
    append(file);
    append(folder / "app.db-wal");
  }
  EXPECT_GT(record().unbroken_since, before);
}

INSTANTIATE_TEST_SUITE_P(EachWay, FileWatchTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "Inotify" : "SafetyNet"; });

class BothWays : public testing::Test {
 protected:
  Keys next() { return watch->wait(milliseconds(20'000), {}); }
  TemporaryDirectory folder;
  std::unique_ptr<FileWatch> watch = open_file_watch({.poll = milliseconds(5)});
};

TEST_F(BothWays, FindADirectoryThatComesLater) {
  const Path file = folder / "later/app.db";
  const WatchKey key = watch->add_file(file, {});
  next();
  std::filesystem::create_directory(folder / "later");
  std::ofstream(file) << "x";
  EXPECT_EQ(next(), Keys{key});
}

TEST_F(BothWays, FollowThePathWhenItsDirectoryIsReplaced) {
  const Path directory = folder / "data";
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "app.db") << "old";
  const WatchKey key = watch->add_file(directory / "app.db", {});
  next();
  std::filesystem::rename(directory, folder / "away");
  std::filesystem::create_directory(directory);
  EXPECT_EQ(next(), Keys{key});
  while (!watch->wait(milliseconds(200), {}).empty()) {
  }
  std::ofstream(directory / "app.db") << "new";
  EXPECT_EQ(next(), Keys{key});
}

}  // namespace
}  // namespace holdfast::env
