#include "sqlite/log_proof.h"

#include <gmock/gmock.h>

#include <array>
#include <random>

#include "base/error.h"
#include "sqlite/test_log_follower.h"

namespace holdfast::sqlite {
namespace {

using testing::StartsWith;

class LogProof : public FollowedLog {
 protected:
  void SetUp() override {
    run_sql(path, kFollowedTable);
    writer.emplace(path);
    insert(*writer, 1000);
  }
  void write(const std::string& sql) { EXPECT_THAT(writer->run(sql), StartsWith("ok")) << sql; }
  void set(int row) { write(fmt::format("UPDATE t SET b = randomblob(400) WHERE a = {}", row)); }
  void checkpoint(const std::string& kind) {
    EXPECT_THAT(writer->run("PRAGMA wal_checkpoint(" + kind + ")"), StartsWith("ok [(0,"));
  }
  // Looks at the whole database, and notes where its log stands.
  void look() {
    const auto source = open_page_source(path);
    source->advance();
    before = image_of(*source);
    mark = source->mark();
  }
  // What is proved to have changed since; expects everything else to be as it was.
  std::optional<std::vector<PageNumber>> changed() const {
    if (!mark) return std::nullopt;
    const auto source = open_page_source(path);
    source->advance();
    const auto pages = source->changed_since(*mark);
    if (!pages) return pages;
    EXPECT_TRUE(std::is_sorted(pages->begin(), pages->end(), std::less_equal<>()));
    const std::string now = image_of(*source);
    const std::size_t page_size = source->geometry().page_size;
    for (PageNumber page = 1; page <= source->geometry().page_count; ++page) {
      const std::size_t at = (page - 1) * page_size;
      if (std::binary_search(pages->begin(), pages->end(), page)) continue;
      EXPECT_TRUE(before.compare(at, page_size, now, at, page_size) == 0)
          << "page " << page << " of " << source->geometry().page_count << " has changed";
    }
    return pages;
  }

  std::optional<OtherConnection> writer;
  std::string before;
  std::optional<LogMark> mark;
};

TEST_F(LogProof, SaysThatNothingChanged) {
  look();
  EXPECT_EQ(changed(), std::vector<PageNumber>());
  checkpoint("TRUNCATE");
  EXPECT_EQ(changed(), std::vector<PageNumber>());
}

TEST_F(LogProof, NamesThePagesOfCommits) {
  look();
  set(1);
  set(2);
  ASSERT_TRUE(changed().has_value());
  EXPECT_EQ(changed()->size(), 1);
  checkpoint("FULL");
  EXPECT_EQ(changed()->size(), 1);
}

TEST_F(LogProof, GoesAcrossAReset) {
  set(1);
  checkpoint("FULL");
  look();
  set(2);
  set(200);
  ASSERT_TRUE(changed().has_value());
  EXPECT_EQ(changed()->size(), 2);
}

TEST_F(LogProof, ReadsWhatTheOldGenerationStillHas) {
  for (int row = 1; row < 40; ++row) set(row);
  look();
  set(100);
  checkpoint("FULL");
  set(200);  // over the first frame
  ASSERT_TRUE(changed().has_value());
  EXPECT_EQ(changed()->size(), 2);
}

TEST_F(LogProof, BeginsBeforeTheFirstFrame) {
  writer->stop(0);
  writer.emplace(path);
  writer->run("SELECT count(*) FROM t");
  look();
  ASSERT_TRUE(mark.has_value());
  set(100);
  ASSERT_TRUE(changed().has_value());
  EXPECT_EQ(changed()->size(), 1);
}

TEST_F(LogProof, FollowsGrowingAndShrinking) {
  look();
  write("INSERT INTO t SELECT a + 5000, randomblob(900) FROM t");
  EXPECT_TRUE(changed().has_value());
  look();
  write("DELETE FROM t WHERE a > 5000");
  write("VACUUM");
  EXPECT_TRUE(changed().has_value());
}

TEST_F(LogProof, IsNoneWhereFramesAreGone) {
  look();
  for (int row = 100; row < 102; ++row) {
    set(row);
    checkpoint("TRUNCATE");
  }
  EXPECT_FALSE(changed().has_value());
}

TEST_F(LogProof, IsNoneWhereNobodyKeepsTheIndex) {
  writer->stop(0);
  look();
  EXPECT_FALSE(mark.has_value());
}

TEST_F(LogProof, IsNoneWhereAnotherProcessKeepsTheIndex) {
  look();
  writer->stop(SIGKILL);
  writer.emplace(path);
  set(1);
  EXPECT_FALSE(changed().has_value());
}

TEST_F(LogProof, IsNoneForAnotherDatabase) {
  look();
  writer->stop(0);
  const Path other = elsewhere / "other.db";
  std::filesystem::copy_file(path, other);
  std::filesystem::rename(other, path);
  writer.emplace(path);
  set(1);
  EXPECT_FALSE(changed().has_value());
}

TEST_F(LogProof, IsNoneWhereTheFileWasWrittenBesideSqlite) {
  checkpoint("FULL");
  wait_until_settled();
  look();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 4096 + 1000);
    file << "overwritten";
  }
  EXPECT_FALSE(changed().has_value());
}

TEST_F(LogProof, IsNoneWhereReadingEverythingCostsLess) {
  look();
  for (int row = 0; row < 300; ++row) set(1);
  EXPECT_FALSE(changed().has_value());
}

TEST_F(LogProof, IsTheSameFromAKeptMark) {
  look();
  set(1);
  const Bytes kept = mark->bytes();
  ByteReader in(kept, "a mark");
  mark = LogMark::parse(in);
  in.expect_end();
  EXPECT_EQ(changed()->size(), 1);
  for (std::size_t size = 0; size < kept.size(); ++size) {
    ByteReader cut(ByteView(kept).first(size), "a mark");
    EXPECT_THROW(LogMark::parse(cut), Error);
  }
}

// With psow=0 each commit ends with padding, which looks like another commit.
TEST_F(LogProof, DoesNotTakePaddingForCommits) {
  writer->stop(0);
  OtherProcess padded(R"py(
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?psow=0", uri=True, isolation_level=None)
db.execute("PRAGMA synchronous=FULL")
for line in sys.stdin:
    print("ok", db.execute(line).fetchall())
)py",
                      {path.string()});
  const auto run = [&](const std::string& sql) {
    padded.send(sql);
    EXPECT_THAT(padded.receive(), StartsWith("ok")) << sql;
  };
  run("INSERT INTO t VALUES(2000, 'row')");
  look();
  run("INSERT INTO t VALUES(2001, 'row')");
  EXPECT_TRUE(changed().has_value());
  look();
  for (int row = 100; row < 102; ++row) {
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    run(fmt::format("UPDATE t SET b = randomblob(400) WHERE a = {}", row));
  }
  EXPECT_FALSE(changed().has_value());
}

// Whatever several processes do, come, go and die: what is proved is so.
class LogProofBesideWriters : public LogProof, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(ThatDo, LogProofBesideWriters,
                         testing::Values("plain", "checkpoint", "vacuum", "reopen", "killed"),
                         [](const auto& words) { return std::string(words.param); });

TEST_P(LogProofBesideWriters, IsRightOrNone) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const bool kills = std::string_view(GetParam()) == "killed";
  const auto another = [&] {
    const char* automatic = std::array{"5", "50", "1000"}[random() % 3];
    auto process = std::make_unique<OtherProcess>(
        kFollowedWriter,
        std::vector<std::string>{path.string(), std::to_string(random()), automatic});
    EXPECT_EQ(process->receive(), "ready");
    return process;
  };
  writer->stop(0);
  std::array writers{another(), another()};
  int proved = 0, none = 0;
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    look();
    for (auto turns = random() % 4; turns > 0; --turns) {
      OtherProcess& process = *writers[random() % 2];
      process.send(fmt::format("{} {}", random() % 4, kills ? "checkpoint" : GetParam()));
      if (kills && random() % 4 == 0) continue;  // killed in the middle of it, maybe
      EXPECT_EQ(process.receive(), "done");
    }
    if (kills && random() % 3 == 0) {
      for (auto& process : writers) process->stop(SIGKILL);
      writers = {another(), another()};
    } else if (kills) {
      // What was not waited for above has an answer that is still to be read.
      writers[0] = another();
    }
    ++(changed() ? proved : none);
  }
  fmt::print("{} proved, {} not\n", proved, none);
  if (std::string_view(GetParam()) == "plain") {
    EXPECT_GT(proved, 0);
  }
}

}  // namespace
}  // namespace holdfast::sqlite
