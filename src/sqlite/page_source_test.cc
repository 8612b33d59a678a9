#include "sqlite/page_source.h"

#include <array>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr char kRows[] =
    "INSERT INTO t SELECT NULL, hex(randomblob(abs(random()) % 300)) FROM "
    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i FROM "
    "n);";
const std::string kTable = "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT);";

class EveryPageSize : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  std::string setup() const {
    const auto [page_size, vacuum] = GetParam();
    return fmt::format("PRAGMA page_size={}; PRAGMA auto_vacuum={};", page_size, vacuum ? 2 : 0) +
           kTable + kRows;
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

INSTANTIATE_TEST_SUITE_P(Sizes, EveryPageSize,
                         testing::Combine(testing::Values(512, 1024, 2048, 4096, 8192, 16384, 32768,
                                                          65536),
                                          testing::Bool()));

TEST_P(EveryPageSize, IsReadBitForBitFromARollbackDatabase) {
  run_sql(path, setup());
  const auto before = names_in(directory.path());
  {
    auto source = open_page_source(path);
    EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
    EXPECT_EQ(source->journal_mode(), JournalMode::kRollback);
    EXPECT_EQ(source->damage(), "");
    EXPECT_EQ(source->geometry().page_size, std::get<0>(GetParam()));
    EXPECT_EQ(image_of(*source), file_content(path));
    EXPECT_EQ(image_of(*source, 1), file_content(path));
    EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
  }
  EXPECT_EQ(names_in(directory.path()), before);
}

TEST_P(EveryPageSize, IsReadBitForBitThroughTheLog) {
  run_sql(path, setup() + "PRAGMA journal_mode=WAL;");
  OtherConnection writer(path);
  writer.run("PRAGMA wal_autocheckpoint=0");
  EXPECT_EQ(writer.run(kRows), "ok []");
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(source->journal_mode(), JournalMode::kWal);
  EXPECT_EQ(source->damage(), "");
  const std::string image = image_of(*source), by_ones = image_of(*source, 1);
  EXPECT_EQ(image, by_ones);
  EXPECT_EQ(ask_image(directory.path(), image, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(ask_image(directory.path(), image, "SELECT count(*) FROM t"), "400");
  // Once all is written back, the file is the view.
  source->release();
  EXPECT_EQ(writer.run("PRAGMA wal_checkpoint(TRUNCATE)"), "ok [(0, 0, 0)]");
  EXPECT_EQ(image, file_content(path));
  source->advance();
  EXPECT_EQ(image_of(*source), image);
}

class APageSource : public testing::Test {
 protected:
  ErrorCode open_error(std::chrono::milliseconds timeout = std::chrono::milliseconds(50)) {
    return code_of([&] { open_page_source(path, {.busy_timeout = timeout})->advance(); });
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(APageSource, SaysWhenThereIsNoDatabase) {
  EXPECT_EQ(open_error(), ErrorCode::kDatabaseMissing);
  EXPECT_EQ(code_of([&] { open_page_source(directory / "no" / "a.db"); }),
            ErrorCode::kDatabaseMissing);
}

TEST_F(APageSource, RefusesFilesThatAreNoDatabases) {
  write_content(path, "");
  EXPECT_EQ(open_error(), ErrorCode::kDatabaseEmpty);
  write_content(path, "A text of no particular length, and no database.\n");
  EXPECT_EQ(open_error(), ErrorCode::kNotADatabase);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(open_error(), ErrorCode::kNotADatabase);
}

TEST_F(APageSource, KeepsALogWhoseDatabaseWasEmptied) {
  write_content(path, "");
  write_content(path.string() + "-wal", "something that could be all there is");
  EXPECT_EQ(open_error(), ErrorCode::kDatabaseDamaged);
  EXPECT_EQ(names_in(directory.path()).count("a.db-wal"), 1);
}

TEST_F(APageSource, SeesThroughSymbolicLinks) {
  std::filesystem::create_directory(directory / "real");
  const Path real = directory / "real" / "x.db";
  run_sql(real, kTable + kRows + "PRAGMA journal_mode=WAL;");
  std::filesystem::create_symlink(real, path);
  OtherConnection writer(real);
  writer.run("INSERT INTO t VALUES(1000, 'new')");
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(ask_image(directory.path(), image_of(*source), "SELECT x FROM t WHERE id=1000"), "new");
}

TEST_F(APageSource, TakesNamesThatLookLikeAddresses) {
  const Path odd = directory / "a?mode=ro#%41.db";
  run_sql(odd, kTable + "PRAGMA journal_mode=WAL");
  auto source = open_page_source(odd);
  source->advance();
  EXPECT_EQ(image_of(*source), file_content(odd));
}

TEST_F(APageSource, LeavesNoFileBehind) {
  for (const char* mode : {"WAL", "DELETE", "TRUNCATE", "PERSIST"}) {
    run_sql(path, fmt::format("PRAGMA journal_mode={}; DROP TABLE IF EXISTS t;", mode) + kTable);
    const auto before = names_in(directory.path());
    {
      auto source = open_page_source(path);
      source->advance();
      image_of(*source);
      source->advance();
      source->release();
    }
    EXPECT_EQ(names_in(directory.path()), before) << mode;
  }
}

TEST_F(APageSource, SeesWhatAKilledProcessLeftInTheLogAndChangesNeitherFile) {
  run_sql(path, kTable + "PRAGMA journal_mode=WAL;");
  {
    OtherConnection writer(path);
    writer.run("INSERT INTO t VALUES(7, 'in the log only')");
    writer.stop(SIGKILL);
  }
  const Path log = path.string() + "-wal", index = path.string() + "-shm";
  const std::string database_before = file_content(path), log_before = file_content(log);
  for (const bool index_left : {true, false}) {
    if (!index_left) std::filesystem::remove(index);
    const auto names = names_in(directory.path());
    {
      auto source = open_page_source(path);
      source->advance();
      env::TemporaryDirectory elsewhere;
      EXPECT_EQ(ask_image(elsewhere.path(), image_of(*source), "SELECT x FROM t"),
                "in the log only");
    }
    EXPECT_EQ(names_in(directory.path()), names);
    EXPECT_EQ(file_content(path), database_before);
    EXPECT_EQ(file_content(log), log_before);
  }
}

TEST_F(APageSource, ReportsAHotJournalAndLeavesItAlone) {
  run_sql(path, kTable + kRows);
  {
    OtherConnection writer(path);
    writer.run("PRAGMA cache_spill=1");
    writer.run("PRAGMA cache_size=1");
    writer.run("BEGIN");
    EXPECT_EQ(writer.run("UPDATE t SET x = hex(randomblob(500))"), "ok []");
    writer.stop(SIGKILL);
  }
  const std::string journal = file_content(path.string() + "-journal"),
                    content = file_content(path);
  ASSERT_NE(journal, "");
  EXPECT_EQ(open_error(), ErrorCode::kHotJournal);
  EXPECT_EQ(file_content(path), content);
  EXPECT_EQ(file_content(path.string() + "-journal"), journal);
}

TEST_F(APageSource, ReportsAHotJournalOfAnEncryptedOrWalDatabaseToo) {
  run_sql(path, kTable + "PRAGMA journal_mode=WAL;");
  write_content(path.string() + "-journal", "\xd9\xd5\x05\xf9 and so on");
  EXPECT_EQ(open_error(), ErrorCode::kHotJournal);
  write_content(path, std::string(4096, 'x'));
  EXPECT_EQ(open_error(), ErrorCode::kHotJournal);
  EXPECT_EQ(file_content(path.string() + "-journal"), "\xd9\xd5\x05\xf9 and so on");
}

TEST_F(APageSource, IsBusyWhereAnotherProcessLocksExclusively) {
  for (const char* mode : {"WAL", "DELETE"}) {
    run_sql(path, fmt::format("PRAGMA journal_mode={}; DROP TABLE IF EXISTS t;", mode) + kTable);
    OtherConnection other(path);
    other.run("PRAGMA locking_mode=EXCLUSIVE");
    EXPECT_EQ(other.run("INSERT INTO t VALUES(1, 'x')"), "ok []");
    EXPECT_EQ(open_error(), ErrorCode::kDatabaseBusy) << mode;
    other.stop(0);
  }
}

TEST_F(APageSource, HoldsWritersOfARollbackDatabaseOnlyDuringAView) {
  run_sql(path, kTable);
  OtherConnection writer(path);
  writer.run("PRAGMA busy_timeout=1");
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(writer.run("INSERT INTO t VALUES(1, 'x')"), "error database is locked");
  source->release();
  EXPECT_EQ(writer.run("INSERT INTO t VALUES(1, 'x')"), "ok []");
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_TRUE(source->is_newest());
  source->release();
  EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
}

TEST_F(APageSource, FollowsAPageSizeThatVacuumChanges) {
  run_sql(path, "PRAGMA page_size=1024;" + kTable + kRows);
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(source->geometry().page_size, 1024);
  source->release();
  run_sql(path, "PRAGMA page_size=8192; VACUUM;");
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(source->geometry().page_size, 8192);
  EXPECT_EQ(image_of(*source), file_content(path));
}

TEST_F(APageSource, FollowsASwitchToALog) {
  run_sql(path, kTable + kRows);
  auto source = open_page_source(path);
  source->advance();
  source->release();
  OtherConnection writer(path);
  EXPECT_EQ(writer.run("PRAGMA journal_mode=WAL"), "ok [('wal',)]");
  EXPECT_EQ(writer.run("INSERT INTO t VALUES(1000, 'new')"), "ok []");
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(source->journal_mode(), JournalMode::kWal);
  EXPECT_EQ(ask_image(directory.path(), image_of(*source), "SELECT x FROM t WHERE id=1000"), "new");
}

TEST_F(APageSource, NoticesThatTheDatabaseWasReplacedOrDeleted) {
  for (const char* mode : {"WAL", "DELETE"}) {
    run_sql(path,
            fmt::format("PRAGMA journal_mode={}; DROP TABLE IF EXISTS t;", mode) + kTable + kRows);
    auto source = open_page_source(path);
    source->advance();
    const std::string image = image_of(*source);
    const Path other = directory / "other.db";
    run_sql(other, "CREATE TABLE u(y);");
    std::filesystem::rename(other, path);
    EXPECT_EQ(image_of(*source), image) << "a view outlives its name";
    EXPECT_EQ(code_of([&] { source->advance(); }), ErrorCode::kDatabaseChanged);
    std::filesystem::remove(path);
    EXPECT_EQ(code_of([&] { source->advance(); }), ErrorCode::kDatabaseMissing);
    source.reset();
    for (const auto& name : names_in(directory.path())) std::filesystem::remove(directory / name);
  }
}

TEST_F(APageSource, NoticesThatTheDatabaseWasCutOff) {
  for (const char* mode : {"WAL", "DELETE"}) {
    run_sql(path, fmt::format("PRAGMA journal_mode={};", mode) + kTable + kRows);
    auto source = open_page_source(path);
    source->advance();
    std::filesystem::resize_file(path, 4096);
    EXPECT_EQ(code_of([&] { image_of(*source); }), ErrorCode::kDatabaseChanged) << mode;
    source.reset();
    for (const auto& name : names_in(directory.path())) std::filesystem::remove(directory / name);
  }
}

TEST_F(APageSource, ReadsPagesOnBothSidesOfTheLockPage) {
  run_sql(path, "PRAGMA page_size=65536;" + kTable + kRows);
  // A database of 1 GiB and a few pages, nearly all of it a hole: free pages that no freelist
  // names.
  const PageNumber lock_page = 0x40000000 / 65536 + 1;
  const PageNumber pages = lock_page + 3;
  for (const char* mode : {"DELETE", "WAL"}) {
    std::filesystem::resize_file(path, std::uint64_t{pages} * 65536);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::array<char, 4> count{0, 0, static_cast<char>(pages >> 8), static_cast<char>(pages)};
    file.seekp(28).write(count.data(), count.size());
    file.seekp(std::int64_t{lock_page} * 65536).write("after", 5);
    file.close();
    run_sql(path, fmt::format("PRAGMA journal_mode={}; INSERT INTO t(x) VALUES('more')", mode));
    auto source = open_page_source(path);
    source->advance();
    EXPECT_EQ(source->geometry().page_count, pages);
    std::string content(std::size_t{4} * 65536, '?');
    source->read(lock_page, std::as_writable_bytes(std::span(content)));
    EXPECT_EQ(content.substr(0, 65536), std::string(65536, '\0'));
    EXPECT_EQ(content.substr(65536, 5), "after");
  }
}

}  // namespace
}  // namespace holdfast::sqlite
