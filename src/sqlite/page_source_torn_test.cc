// Programs that know no locks write over a database while it is read.
#include <algorithm>
#include <chrono>

#include "sqlite/log_files.h"
#include "sqlite/page_source.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

// Two databases that differ in one byte of their last page and in nothing that a header says.
class AnOverwrittenDatabase : public testing::TestWithParam<std::string> {
 protected:
  AnOverwrittenDatabase() {
    run_sql(path, fmt::format("PRAGMA journal_mode={}; CREATE TABLE t(x);"
                              "INSERT INTO t VALUES(zeroblob(40000))",
                              GetParam()));
    one = other = file_content(path);
    other.back() = static_cast<char>(other.back() ^ 1);
  }
  // Through a handle that is never closed, so that no lock of this process goes with it.
  void copy_over(const std::string& content) {
    if (!file.is_open()) file.open(path, std::ios::in | std::ios::out | std::ios::binary);
    std::filesystem::resize_file(path, 0);
    file.seekp(0).write(content.data(), static_cast<std::streamsize>(content.size())).flush();
  }
  static std::string read_some(PageSource& source, PageNumber first, PageNumber count) {
    std::string content(std::size_t{count} * source.geometry().page_size, '?');
    source.read(first, std::as_writable_bytes(std::span(content)));
    return content;
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  std::string one, other;
  std::fstream file;
};

INSTANTIATE_TEST_SUITE_P(Journals, AnOverwrittenDatabase, testing::Values("DELETE", "WAL"),
                         [](const auto& journal) { return journal.param; });

TEST_P(AnOverwrittenDatabase, IsNoStateWhenItHappenedInTheMiddleOfARead) {
  auto source = open_page_source(path);
  source->advance();
  const PageNumber half = source->geometry().page_count / 2;
  const std::string begin = read_some(*source, 1, half);
  EXPECT_TRUE(source->is_intact());
  copy_over(other);
  const std::string end = read_some(*source, half + 1, source->geometry().page_count - half);
  EXPECT_FALSE(source->is_intact());
  EXPECT_FALSE(source->is_intact()) << "it stays so";
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_TRUE(source->is_intact());
  EXPECT_TRUE(image_of(*source) == other);
  EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
}

TEST_P(AnOverwrittenDatabase, IsNoticedWithinOneTickOfTheClock) {
  auto source = open_page_source(path);
  for (int i = 0; i < 30; ++i) {
    copy_over(i % 2 == 0 ? one : other);
    source->advance();
    EXPECT_TRUE(source->is_intact()) << i;
    copy_over(i % 2 == 0 ? other : one);
    EXPECT_FALSE(source->is_intact()) << i;
  }
}

TEST_P(AnOverwrittenDatabase, IsReadAgainWhenItHappenedBetweenTwoViews) {
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
  copy_over(other);
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  source->release();
  copy_over(one);
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_TRUE(source->is_intact());
}

TEST_P(AnOverwrittenDatabase, IsNoStateWhileItIsShorterThanItWas) {
  auto source = open_page_source(path);
  source->advance();
  std::filesystem::resize_file(path, one.size() / 2);
  EXPECT_FALSE(source->is_intact());
}

TEST_P(AnOverwrittenDatabase, IsTakenForADamagedOneOnlyWhenItIsAtRest) {
  std::filesystem::resize_file(path, 8192);
  auto source = open_page_source(path, {.busy_timeout = std::chrono::milliseconds(0)});
  EXPECT_NE(source->damage(), "");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto modified = std::chrono::nanoseconds(FileState::of(path).value().modified);
  EXPECT_GE(now - modified, std::chrono::milliseconds(200));
  source->advance();
  EXPECT_TRUE(source->is_intact());
  copy_over(one);
  EXPECT_FALSE(source->is_intact());
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(source->damage(), "");
}

TEST(ADatabaseWithALog, IsIntactWhateverCheckpointsWriteToIt) {
  const env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  run_sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
  OtherConnection writer(path);
  writer.run("PRAGMA wal_autocheckpoint=0");
  writer.run("PRAGMA busy_timeout=0");
  const auto source = open_page_source(path);
  for (const char* kind : {"PASSIVE", "FULL", "RESTART", "TRUNCATE"}) {
    for (const bool written_before : {true, false}) {
      if (written_before) writer.run("INSERT INTO t VALUES(randomblob(9000))");
      source->advance();
      if (!written_before) writer.run("INSERT INTO t VALUES(randomblob(9000))");
      writer.run(fmt::format("PRAGMA wal_checkpoint({})", kind));
      EXPECT_TRUE(source->is_intact()) << kind << written_before;
      source->release();
      writer.run(fmt::format("PRAGMA wal_checkpoint({})", kind));
      EXPECT_TRUE(source->is_intact()) << kind << written_before;
    }
  }
}

}  // namespace
}  // namespace holdfast::sqlite
