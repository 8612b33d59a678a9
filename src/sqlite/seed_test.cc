#include "sqlite/seed.h"

#include <gtest/gtest.h>

#include "sqlite/open_connections.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

class SeedTest : public testing::Test {
 protected:
  Path path() const { return directory / "place" / "app.db"; }
  std::string sql(const std::string& text) const { return run_sql(path(), text); }
  Path seed(const std::string& name, const std::string& content) const {
    write_content(directory / name, content);
    return directory / name;
  }
  void create(const std::string& name, const std::string& content,
              const std::vector<Exclusion>& exclusions = {}) const {
    create_from_seed(path(), seed(name, content), exclusions);
  }
  void expect_alone() const {
    EXPECT_EQ(names_in(path().parent_path()), std::set<std::string>{"app.db"});
  }

  env::TemporaryDirectory directory;
  const std::string campaigns =
      "CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT);"
      "INSERT INTO campaigns (name) VALUES ('One'), ('Prizies');";
};

TEST_F(SeedTest, RunsSqlAndMakesTheFolders) {
  create("seed.sql", campaigns);
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
  EXPECT_EQ(sql("PRAGMA journal_mode"), "wal");
  expect_alone();
}

TEST_F(SeedTest, RunsADumpOfSqlite) {
  create("seed.sql", "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n" + campaigns + "\nCOMMIT;\n");
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
}

TEST_F(SeedTest, KeepsNoConnectionCountedOnceItIsDone) {
  create("seed.sql", campaigns);
  EXPECT_THROW(create_from_seed(directory / "other.db", seed("bad.sql", "CREATE"), {}), Error);
  EXPECT_EQ(open_connections(), 0u);
}

TEST_F(SeedTest, LeavesOutWhatIsExcluded) {
  create("seed.sql", campaigns, {{"campaigns", "name = 'Prizies'"}});
  EXPECT_EQ(sql("SELECT group_concat(name) FROM campaigns"), "One");
  expect_alone();
}

TEST_F(SeedTest, MakesTablesOfJson) {
  create("seed.json", R"({"campaigns": [
      {"id": 7, "name": "It's one", "active": true, "share": 0.25, "tags": ["a", "b"], "x": null},
      {"name": "Two", "id": 9007199254740993}]})");
  EXPECT_EQ(sql("SELECT group_concat(id) FROM campaigns"), "7,9007199254740993");
  EXPECT_EQ(sql("SELECT name || active || share || tags FROM campaigns WHERE id = 7"),
            "It's one10.25[\"a\",\"b\"]");
  EXPECT_EQ(sql("SELECT active IS NULL AND x IS NULL FROM campaigns WHERE id > 7"), "1");
  EXPECT_EQ(sql("SELECT pk FROM pragma_table_info('campaigns') WHERE name = 'id'"), "1");
}

TEST_F(SeedTest, NeverReplacesADatabaseWithContent) {
  create("seed.sql", campaigns);
  EXPECT_EQ(code_of([&] { create("other.sql", "CREATE TABLE other (x);"); }),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
}

TEST_F(SeedTest, ReplacesAnEmptyFileAndADatabaseWithoutTables) {
  std::filesystem::create_directories(path().parent_path());
  write_content(path(), "");
  create_empty(path());
  create("seed.sql", campaigns);
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
}

TEST_F(SeedTest, NeverLetsAStaleLogBePlayedIntoTheNewDatabase) {
  std::filesystem::create_directories(path().parent_path());
  const Path work = directory / "work.db";
  run_sql(work, "PRAGMA journal_mode = WAL; CREATE TABLE old (x);");
  {
    OtherConnection other(work);
    other.run("INSERT INTO old VALUES (randomblob(9000))");
    std::filesystem::copy_file(work.string() + "-wal", path().string() + "-wal");
  }
  create("seed.sql", campaigns);
  EXPECT_EQ(sql("SELECT count(*) FROM sqlite_schema"), "1");
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
  EXPECT_EQ(names_in(path().parent_path()).size(), 2);  // the log was only moved
}

TEST_F(SeedTest, LeavesNothingWhereTheSeedFails) {
  EXPECT_EQ(code_of([&] { create("a.sql", campaigns + "INSERT INTO nowhere VALUES (1);"); }),
            ErrorCode::kSqlite);
  EXPECT_EQ(code_of([&] { create("b.sql", "BEGIN;" + campaigns); }), ErrorCode::kConfiguration);
  EXPECT_EQ(names_in(path().parent_path()), std::set<std::string>{});
}

TEST_F(SeedTest, RefusesASeedThatCannotBeRead) {
  for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"seed.csv", "a,b"},
           {"a.json", "{"},
           {"b.json", "[]"},
           {"c.json", R"({"t": []})"},
           {"d.json", R"({"t": [1]})"},
           {"e.json", R"({"t": [{"a":1},{"b":1}]})"}}) {
    EXPECT_EQ(code_of([&] { create(name, content); }), ErrorCode::kConfiguration) << name;
  }
  EXPECT_EQ(code_of([&] { create_from_seed(path(), directory / "none.sql", {}); }),
            ErrorCode::kConfiguration);
}

TEST_F(SeedTest, KeepsTheSeedOutOfOtherFiles) {
  EXPECT_NE(code_of([&] { create("a.sql", "ATTACH '/dev/shm/other.db' AS other;"); }),
            ErrorCode::kInternal);
}

TEST_F(SeedTest, MakesAnEmptyDatabaseInWalMode) {
  create_empty(path());
  EXPECT_EQ(sql("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(sql("SELECT count(*) FROM sqlite_schema"), "0");
}

}  // namespace
}  // namespace holdfast::sqlite
