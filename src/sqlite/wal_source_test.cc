#include "sqlite/wal_source.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <future>
#include <optional>
#include <random>

#include "sqlite/test_follower.h"

namespace holdfast::sqlite {
namespace {

using ChangeKind = Change::Kind;
using testing::AnyOf;
using testing::HasSubstr;

class AWalSource : public testing::Test {
 protected:
  void SetUp() override {
    run_sql(
        path,
        "PRAGMA auto_vacuum=2; PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, x);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
        "INSERT INTO t SELECT i, hex(randomblob(200)) FROM n;");
    writer.emplace(path);
    writer->run("PRAGMA wal_autocheckpoint=0");
    source = open_page_source(path);
    follower.emplace(*source);
  }
  void write(const std::string& sql) { EXPECT_THAT(writer->run(sql), HasSubstr("ok")) << sql; }
  void set(int row, const std::string& text) {
    write(fmt::format("UPDATE t SET x='{}' WHERE id={}", text, row));
  }
  std::string row(int id, const std::string& image) {
    env::TemporaryDirectory elsewhere;
    EXPECT_EQ(ask_image(elsewhere.path(), image, "PRAGMA integrity_check"), "ok");
    return ask_image(elsewhere.path(), image, fmt::format("SELECT x FROM t WHERE id={}", id));
  }
  std::string checkpoint(const std::string& kind) {
    return writer->run("PRAGMA wal_checkpoint(" + kind + ")");
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  std::optional<OtherConnection> writer;
  std::unique_ptr<PageSource> source;
  std::optional<Follower> follower;
};

TEST_F(AWalSource, NamesThePagesOfTheCommitsBetweenTwoViews) {
  EXPECT_EQ(follower->advance().kind, ChangeKind::kUnknown);
  EXPECT_TRUE(source->is_newest());
  EXPECT_EQ(follower->advance().kind, ChangeKind::kNothing);
  set(1, "one");
  EXPECT_FALSE(source->is_newest());
  set(1, "two");
  const Change change = follower->advance();
  EXPECT_EQ(change.kind, ChangeKind::kPages);
  EXPECT_EQ(change.pages.size(), 1);
  EXPECT_EQ(row(1, follower->image()), "two");
}

TEST_F(AWalSource, KeepsAViewWhateverIsCommittedAndCheckpointed) {
  set(1, "first");
  source->advance();
  const std::string image = image_of(*source);
  EXPECT_EQ(row(1, image), "first");
  for (const char* kind : {"PASSIVE", "FULL", "RESTART", "TRUNCATE"}) {
    write("PRAGMA busy_timeout=1");
    set(1, kind);
    set(200, kind);
    checkpoint(kind);
    EXPECT_TRUE(image_of(*source) == image) << kind;
  }
}

TEST_F(AWalSource, ReadsALogThatIsWrittenBackInPart) {
  set(1, "old");
  set(2, "kept");
  auto older = open_page_source(path);
  older->advance();
  const std::string old_image = image_of(*older);
  set(1, "new");
  set(400, "beyond the mark");
  EXPECT_THAT(checkpoint("PASSIVE"), HasSubstr("ok"));
  follower->advance();
  EXPECT_EQ(row(1, follower->image()), "new");
  EXPECT_EQ(row(2, follower->image()), "kept");
  EXPECT_EQ(row(400, follower->image()), "beyond the mark");
  EXPECT_TRUE(image_of(*older) == old_image);
}

TEST_F(AWalSource, FollowsThroughAResetWhileAViewIsHeld) {
  set(1, "before");
  checkpoint("PASSIVE");
  follower->advance();  // all of it is in the database file
  set(2, "first frame of a new log");
  set(3, "second");
  EXPECT_EQ(row(2, image_of(*source)).size(), 400);
  EXPECT_EQ(follower->advance().kind, ChangeKind::kPages);
  EXPECT_EQ(row(2, follower->image()), "first frame of a new log");
}

TEST_F(AWalSource, TakesAResetAloneForNoChange) {
  set(1, "before");
  checkpoint("PASSIVE");
  follower->advance();
  EXPECT_THAT(checkpoint("TRUNCATE"), HasSubstr("ok [(0"));
  EXPECT_TRUE(source->is_newest());
  EXPECT_EQ(follower->advance().kind, ChangeKind::kNothing);
  EXPECT_THAT(checkpoint("TRUNCATE"), HasSubstr("ok [(0"));
  EXPECT_EQ(follower->advance().kind, ChangeKind::kNothing);
}

TEST_F(AWalSource, FollowsAfterAReleaseWithinOneGenerationOfTheLog) {
  follower->advance();
  set(1, "one");
  EXPECT_THAT(follower->advance().kind, ChangeKind::kPages);
  source->release();
  set(2, "two");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kPages);
  source->release();
  EXPECT_EQ(follower->advance().kind, ChangeKind::kNothing);
  source->release();
  set(3, "three");
  checkpoint("PASSIVE");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kPages) << "the frames are still in the log";
  EXPECT_EQ(row(3, follower->image()), "three");
}

TEST_F(AWalSource, KnowsNothingAfterAReleaseAndAReset) {
  set(1, "one");
  follower->advance();
  source->release();
  set(2, "two");
  EXPECT_THAT(checkpoint("TRUNCATE"), HasSubstr("ok [(0"));
  set(3, "three");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kUnknown);
  EXPECT_EQ(row(2, follower->image()), "two");
}

TEST_F(AWalSource, LetsABlockingCheckpointThroughWithTwoViews) {
  for (const char* kind : {"FULL", "RESTART", "TRUNCATE"}) {
    set(1, kind);
    follower->advance();
    set(2, kind);
    writer->send(fmt::format("PRAGMA wal_checkpoint({})", kind));
    // The checkpoint waits for the view to end, and the next one must not stand in its way again.
    // It tries at growing distances, so views are taken until it answers.
    auto answer = std::async(std::launch::async, [&] { return writer->receive(); });
    while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      EXPECT_THAT(follower->advance().kind, AnyOf(ChangeKind::kNothing, ChangeKind::kPages));
    }
    EXPECT_THAT(answer.get(), HasSubstr("ok [(0")) << kind;
    EXPECT_THAT(follower->advance().kind, AnyOf(ChangeKind::kNothing, ChangeKind::kPages));
    EXPECT_EQ(row(2, follower->image()), kind);
  }
}

TEST_F(AWalSource, FollowsVacuumAndShrinking) {
  follower->advance();
  write("DELETE FROM t WHERE id % 2");
  follower->advance();
  write("PRAGMA incremental_vacuum");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kPages);
  write("VACUUM");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kPages);
  write("PRAGMA busy_timeout=1");
  EXPECT_EQ(row(400, follower->image()).size(), 400);
  checkpoint("TRUNCATE");
  EXPECT_EQ(follower->advance().kind, ChangeKind::kNothing);
  EXPECT_TRUE(follower->image() == file_content(path));
}

TEST_F(AWalSource, ReadsPagesThatAreInTheLogOnly) {
  const auto size = std::filesystem::file_size(path);
  write("INSERT INTO t SELECT id + 1000, x FROM t");
  EXPECT_EQ(std::filesystem::file_size(path), size);
  follower->advance();
  EXPECT_GT(follower->image().size(), size);
  EXPECT_EQ(row(1001, follower->image()).size(), 400);
}

TEST_F(AWalSource, LetsNobodyLeaveWalModeUnderIt) {
  follower->advance();
  source->release();
  EXPECT_EQ(writer->run("PRAGMA journal_mode=DELETE"), "error database is locked");
  source.reset();
  EXPECT_EQ(writer->run("PRAGMA journal_mode=DELETE"), "ok [('delete',)]");
}

TEST_F(AWalSource, LeavesTheLogToTheProcessThatStillUsesIt) {
  follower->advance();
  set(1, "one");
  source.reset();
  set(2, "two");
  EXPECT_EQ(names_in(directory.path()).size(), 3);
  writer->stop(0);
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
  EXPECT_EQ(run_sql(path, "SELECT x FROM t WHERE id=2"), "two");
}

TEST_F(AWalSource, LeavesALogThatItsWriterCouldNotFinish) {
  source->advance();
  set(1, "one");
  writer->stop(0);  // is not the last one, so it leaves its log
  const std::string database = file_content(path), log = file_content(path.string() + "-wal");
  EXPECT_NE(log, "");
  source.reset();
  EXPECT_EQ(file_content(path), database);
  EXPECT_EQ(file_content(path.string() + "-wal"), log);
  EXPECT_EQ(run_sql(path, "SELECT x FROM t WHERE id=1"), "one");
}

// Random work of another process, of which every view must be followed exactly.
TEST_F(AWalSource, FollowsRandomWork) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned limit) { return random() % limit; };
  write("PRAGMA busy_timeout=1");
  int followed = 0;
  for (int step = 0; step < 300 && !HasFailure(); ++step) {
    switch (below(9)) {
      case 0:
        write(fmt::format("DELETE FROM t WHERE id % 50 = {}", below(50)));
        break;
      case 1:
        write(fmt::format("INSERT INTO t(x) SELECT hex(randomblob({})) FROM t LIMIT {}",
                          below(3000), below(60)));
        break;
      case 2:
        writer->run(fmt::format("PRAGMA incremental_vacuum({})", below(20)));
        break;
      case 3: {
        const std::array kinds{"PASSIVE", "FULL", "RESTART", "TRUNCATE"};
        writer->run(fmt::format("PRAGMA wal_checkpoint({})", kinds[below(4)]));
        break;
      }
      case 4:
        if (below(10) == 0) write("VACUUM");
        break;
      case 5:
        source->release();
        break;
      default:
        write(fmt::format("UPDATE t SET x=hex(randomblob(300)) WHERE id % 90 = {}", below(90)));
    }
    if (below(2) == 0) {
      followed += follower->advance().kind == ChangeKind::kPages ? 1 : 0;
      env::TemporaryDirectory elsewhere;
      constexpr char kContent[] =
          "SELECT count(*) || ' ' || sum(length(x)) || ' ' || max(x) FROM t";
      EXPECT_EQ(
          writer->run(kContent),
          fmt::format("ok [('{}',)]", ask_image(elsewhere.path(), follower->image(), kContent)));
    }
  }
  EXPECT_GT(followed, 20);
}

}  // namespace
}  // namespace holdfast::sqlite
