// Pages that are looked at where they lie are those that are read.
#include "sqlite/mappable_file.h"

#include <algorithm>
#include <optional>

#include "sqlite/open_connections.h"
#include "sqlite/page_source.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

const std::string kManyRows =
    "CREATE TABLE IF NOT EXISTS t(x);"
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
    " SELECT randomblob(1000) FROM n;";

class MappableFileTest : public testing::Test {
 protected:
  void open(const std::string& mode) {
    run_sql(path, "PRAGMA journal_mode=" + mode + ";" + kManyRows);
    source = open_page_source(path);
    source->advance();
  }
  env::MappedRange all() const { return source->map(1, source->geometry().page_count); }
  Bytes read(PageNumber page) const {
    Bytes content(source->geometry().page_size);
    source->read(page, content);
    return content;
  }
  ByteView in(const env::MappedRange& range, PageNumber page) const {
    const std::size_t size = source->geometry().page_size;
    return range.bytes().subspan((page - 1) * size, size);
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
  std::unique_ptr<PageSource> source;
};

TEST_F(MappableFileTest, ShowsThePagesOfARollbackDatabase) {
  open("delete");
  const env::MappedRange range = all();
  if (range.bytes().empty()) GTEST_SKIP() << "this storage is not mapped";
  const PageNumber pages = source->geometry().page_count;
  EXPECT_TRUE(source->is_in_file(1, pages));
  EXPECT_GT(pages, 100);
  for (PageNumber page = 1; page <= pages; ++page) {
    EXPECT_TRUE(std::ranges::equal(read(page), in(range, page))) << page;
  }
}

TEST_F(MappableFileTest, LeavesOutWhatTheLogHas) {
  open("wal");
  OtherConnection writer(path);
  writer.run("PRAGMA wal_autocheckpoint=0");
  EXPECT_EQ(writer.run("UPDATE t SET x = randomblob(1000) WHERE rowid % 100 = 0"), "ok []");
  source->advance();
  const env::MappedRange range = all();
  if (range.bytes().empty()) GTEST_SKIP() << "this storage is not mapped";
  const PageNumber pages = source->geometry().page_count;
  PageNumber in_log = 0;
  for (PageNumber page = 1; page <= pages; ++page) {
    if (source->is_in_file(page, 1)) {
      EXPECT_TRUE(std::ranges::equal(read(page), in(range, page))) << page;
    } else {
      ++in_log;
      EXPECT_FALSE(source->is_in_file(1, page));
      EXPECT_FALSE(source->is_in_file(page, pages));
    }
  }
  EXPECT_GE(in_log, 4);
  EXPECT_LT(in_log, 20);
}

TEST_F(MappableFileTest, EndsWithTheFile) {
  open("delete");
  const PageNumber pages = source->geometry().page_count;
  const env::MappedRange range = source->map(1, pages + 1000);
  if (range.bytes().empty()) GTEST_SKIP() << "this storage is not mapped";
  EXPECT_EQ(range.bytes().size(), std::size_t{pages} * source->geometry().page_size);
  EXPECT_TRUE(source->map(pages + 1, 1).bytes().empty());
}

TEST_F(MappableFileTest, MapsNoOtherFileThatStandsAtThePath) {
  open("delete");
  std::filesystem::rename(path, directory / "moved.db");
  EXPECT_TRUE(all().bytes().empty()) << "nothing is there";
  run_sql(path, kManyRows);
  source = nullptr;
  source = open_page_source(path);
  source->advance();
  std::filesystem::rename(directory / "moved.db", path);
  EXPECT_TRUE(all().bytes().empty()) << "another one is";
}

// Closing a descriptor of the file drops the locks that SQLite has on it, so it must wait.
TEST_F(MappableFileTest, KeepsTheLocksOfOtherConnections) {
  open("delete");
  const auto other = open_page_source(path);
  other->advance();
  if (all().bytes().empty()) GTEST_SKIP() << "this storage is not mapped";
  source = nullptr;
  EXPECT_EQ(waiting_descriptors(), 1);
  OtherConnection writer(path);
  writer.run("PRAGMA busy_timeout=0");
  EXPECT_NE(writer.run("INSERT INTO t VALUES (1)").find("locked"), std::string::npos)
      << "the lock of the other view is gone";
  other->release();
  EXPECT_EQ(writer.run("INSERT INTO t VALUES (1)"), "ok []");
}

}  // namespace
}  // namespace holdfast::sqlite
