#include "sqlite/table_statistics.h"

#include <gmock/gmock.h>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string numbers(int count) {
  return fmt::format(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ", count);
}

class Statistics : public testing::Test {
 protected:
  DatabaseStatistics gather() {
    auto source = open_page_source(path);
    source->advance();
    const std::string image = image_of(*source);
    const auto [page_size, page_count] = source->geometry();
    std::vector<PageFacts> facts;
    for (PageNumber page = 1; page <= page_count; ++page) {
      facts.push_back(
          facts_of(page, as_bytes(image).subspan(std::size_t{page - 1} * page_size, page_size)));
    }
    return gather_statistics(*source, facts);
  }
  void overwrite(PageNumber page, std::uint32_t offset, std::string_view bytes) {
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(std::int64_t{page - 1} * 512 + offset)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  PageNumber root_of(const std::string& name) {
    return static_cast<PageNumber>(
        std::stoul(run_sql(path, "SELECT rootpage FROM sqlite_schema WHERE name='" + name + "'")));
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(Statistics, CountTheRowsThatSqliteCounts) {
  for (const int page_size : {512, 4096, 65536}) {
    for (const int rows : {0, 1, 50, 20000}) {
      std::filesystem::remove(path);
      run_sql(path, fmt::format("PRAGMA page_size={}; PRAGMA auto_vacuum=1;", page_size) +
                        "CREATE TABLE ordinary(id INTEGER PRIMARY KEY, x);"
                        "CREATE TABLE keyed(a TEXT, b, PRIMARY KEY(a, b)) WITHOUT ROWID;"
                        "CREATE INDEX i ON ordinary(x); CREATE VIEW v AS SELECT 1;"
                        "CREATE TRIGGER g AFTER INSERT ON keyed BEGIN SELECT 1; END;" +
                        numbers(rows) + "INSERT INTO ordinary SELECT i, hex(i) FROM n;" +
                        numbers(rows) +
                        "INSERT INTO keyed SELECT hex(i * 7919 % 100000), i FROM n;" +
                        (rows == 0 ? "DELETE FROM ordinary; DELETE FROM keyed;" : ""));
      const auto statistics = gather();
      EXPECT_THAT(statistics.problems, IsEmpty());
      ASSERT_THAT(statistics.tables, SizeIs(2));
      EXPECT_EQ(statistics.tables[0].name, "keyed");
      EXPECT_EQ(statistics.tables[0].rows, rows);
      EXPECT_EQ(statistics.tables[1].rows, rows);
      EXPECT_EQ(statistics.indexes, 1);
      EXPECT_EQ(statistics.views, 1);
      EXPECT_EQ(statistics.triggers, 1);
    }
  }
}

TEST_F(Statistics, CoverFullTextAndSpatialTablesByTheirShadows) {
  run_sql(path,
          "CREATE VIRTUAL TABLE words USING fts5(text); CREATE VIRTUAL TABLE box USING rtree(id, "
          "a, b);" +
              numbers(3000) + "INSERT INTO words SELECT hex(i) || ' word' FROM n;" + numbers(3000) +
              "INSERT INTO box SELECT i, i, i + 1 FROM n;");
  const auto statistics = gather();
  EXPECT_THAT(statistics.problems, IsEmpty());
  for (const auto& table : statistics.tables) {
    EXPECT_EQ(std::to_string(table.rows.value()),
              run_sql(path, "SELECT count(*) FROM " + table.name));
  }
  EXPECT_THAT(statistics.tables, SizeIs(8));
}

TEST_F(Statistics, ReadNamesOfEveryLengthAndEncoding) {
  for (const char* encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
    std::filesystem::remove(path);
    const std::string odd = "Grüße, 世界 🦀", tall(700, 'n');
    run_sql(path, fmt::format("PRAGMA page_size=512; PRAGMA encoding='{}'; CREATE TABLE \"{}\"(x);"
                              "CREATE TABLE {}(x); INSERT INTO \"{}\" VALUES(1);",
                              encoding, odd, tall, odd));
    for (int i = 0; i < 300; ++i) {
      run_sql(path, fmt::format("PRAGMA synchronous=OFF; CREATE TABLE t{}({} x)", i,
                                std::string(i, 'c')));
    }
    const auto statistics = gather();
    EXPECT_THAT(statistics.problems, IsEmpty());
    EXPECT_THAT(statistics.tables, SizeIs(302));
    EXPECT_EQ(statistics.tables.front().name, odd);
    EXPECT_EQ(statistics.tables.front().rows, 1);
    EXPECT_EQ(statistics.tables.at(1).name, tall);
  }
}

TEST_F(Statistics, AcceptAListOfFreePages) {
  run_sql(path,
          "PRAGMA page_size=512; CREATE TABLE t(x);" + numbers(5000) +
              "INSERT INTO t SELECT randomblob(100) FROM n; DELETE FROM t WHERE rowid > 100;");
  EXPECT_THAT(gather().problems, IsEmpty());
  EXPECT_EQ(gather().tables[0].rows, 100);
  overwrite(1, 39, "\x01");
  EXPECT_THAT(gather().problems, Contains(HasSubstr("but should have")));
}

class DamagedStatistics : public Statistics {
 protected:
  void SetUp() override {
    run_sql(path, "PRAGMA page_size=512; CREATE TABLE t(x); CREATE TABLE u(x);" + numbers(3000) +
                      "INSERT INTO t SELECT randomblob(100) FROM n; INSERT INTO u VALUES(1);");
  }
  std::optional<std::uint64_t> rows_of_t() {
    const auto statistics = gather();
    EXPECT_THAT(statistics.problems, Not(IsEmpty()));
    EXPECT_LE(statistics.problems.size(), 20);
    EXPECT_EQ(statistics.tables.at(1).rows, 1) << "the other table is not affected";
    return statistics.tables.at(0).rows;
  }
};

TEST_F(DamagedStatistics, SayThatATreeHasAPageOfAnotherKind) {
  overwrite(root_of("t"), 0, std::string(512, '\xff'));
  EXPECT_EQ(rows_of_t(), std::nullopt);
}

TEST_F(DamagedStatistics, SayThatAPageDoesNotExist) {
  overwrite(root_of("t"), 8, std::string(4, '\x7f'));
  EXPECT_EQ(rows_of_t(), std::nullopt);
}

TEST_F(DamagedStatistics, EndAWalkInACircle) {
  overwrite(root_of("t"), 8, std::string{0, 0, 0, static_cast<char>(root_of("t"))});
  EXPECT_EQ(rows_of_t(), std::nullopt);
}

TEST_F(DamagedStatistics, SayThatAPageNamesMoreCellsThanItHolds) {
  overwrite(root_of("t"), 3, "\x3f\xff");
  EXPECT_EQ(rows_of_t(), std::nullopt);
}

TEST_F(DamagedStatistics, SayThatACellLiesOutsideOfItsPage) {
  overwrite(root_of("t"), 12, std::string("\xff\xff", 2));
  EXPECT_EQ(rows_of_t(), std::nullopt);
}

TEST_F(DamagedStatistics, PassOverASchemaEntryThatIsNoSql) {
  run_sql(path, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='no sql' WHERE name='t';");
  EXPECT_EQ(rows_of_t(), 3000);
}

TEST_F(DamagedStatistics, SayThatAnEntryOfTheSchemaCannotBeRead) {
  overwrite(1, 100 + 8, std::string("\x01\xff", 2));
  const auto statistics = gather();
  EXPECT_THAT(statistics.problems, Contains(HasSubstr("page 1 of the schema cannot be read")));
}

TEST_F(Statistics, OfARandomFileSayThatThereIsNoSchema) {
  write_content(path, std::string(4096, 'x'));
  EXPECT_THAT(gather().problems, SizeIs(1));
}

TEST(PageFacts, TellKindAndCellsOfAPage) {
  Bytes page(512);
  EXPECT_EQ(facts_of(2, page).kind(), PageKind::kOther);
  page[0] = std::byte{0x0d};
  page[4] = std::byte{7};
  page[100] = std::byte{0x05};
  page[104] = std::byte{9};
  EXPECT_EQ(facts_of(2, page).kind(), PageKind::kTableLeaf);
  EXPECT_EQ(facts_of(2, page).cells(), 7);
  EXPECT_EQ(facts_of(1, page).kind(), PageKind::kInterior);
  EXPECT_EQ(facts_of(1, page).cells(), 9);
  page[3] = std::byte{0xff};
  EXPECT_EQ(facts_of(2, page).kind(), PageKind::kOther) << "no page holds so many";
}

}  // namespace
}  // namespace holdfast::sqlite
