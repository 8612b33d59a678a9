#include "sqlite/buried_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sqlite/row_merge.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr char kBuriedSchema[] =
    "CREATE TABLE videos (id TEXT PRIMARY KEY, number INTEGER, title TEXT);"
    "CREATE TABLE graves (name TEXT, key_columns TEXT, deleted_key TEXT,"
    " PRIMARY KEY (name, deleted_key)) WITHOUT ROWID;";

std::vector<std::string> split(const Value& list) {
  std::vector<std::string> parts(1);
  for (const char c : std::get<std::string>(list)) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Columns and key are lists with commas between; "?" cannot be read.
Tombstones::Deleted read_grave(const Row& row) {
  Tombstones::Deleted deleted{.table = std::get<std::string>(row[0]), .key = {}};
  if (std::get<std::string>(row[1]) == "?") return deleted;
  deleted.key.columns = split(row[1]);
  for (const std::string& part : split(row[2])) deleted.key.values.emplace_back(part);
  return deleted;
}

class BuriedRowsTest : public testing::Test {
 protected:
  Path target() const { return directory / "app.db"; }
  Path beside() const { return directory / "app.db.holdfast"; }
  Path history() const { return directory / "history.db"; }
  void make(const std::string& now, const std::string& before,
            const std::string& schema = kBuriedSchema) const {
    run_sql(target(), schema + now);
    run_sql(history(), schema + before);
  }
  MergeReport merge() const {
    return merge_rows({.target = target(),
                       .history = history(),
                       .exclusions = {},
                       .tombstones = {.table = "graves",
                                      .columns = {"name", "key_columns", "deleted_key"},
                                      .read = read_grave,
                                      .belongings = belongings},
                       .busy_timeout = std::chrono::milliseconds(50)});
  }
  static TableMerge of(const MergeReport& report, std::string_view table) {
    const auto found = std::ranges::find(report.tables, table, &TableMerge::table);
    if (found != report.tables.end()) return *found;
    ADD_FAILURE() << table << " is not in the report";
    return {};
  }
  std::string ids(const std::string& table = "videos", const std::string& column = "id") const {
    return run_sql(target(), "SELECT group_concat(" + column + ") FROM (SELECT " + column +
                                 " FROM " + table + " ORDER BY " + column + ")");
  }

  env::TemporaryDirectory directory;
  std::vector<ForeignKey> belongings;
};

constexpr char kThreeVideos[] =
    "INSERT INTO videos VALUES ('a', 1, 'A'), ('b', 2, 'B'), ('c', 3, 'C');";

TEST_F(BuriedRowsTest, DoNotComeBackByATombstoneOfThePresentDatabase) {
  make("INSERT INTO graves VALUES ('videos', 'id', 'b')", kThreeVideos);
  const MergeReport report = merge();
  EXPECT_EQ(ids(), "a,c");
  EXPECT_EQ(of(report, "videos").inserted, 2);
  EXPECT_EQ(of(report, "videos").buried, 1);
  EXPECT_EQ(of(report, "videos").lost, 0);
  EXPECT_EQ(report.buried(), 1);
  EXPECT_EQ(merge().inserted(), 0);
}

TEST_F(BuriedRowsTest, DoNotComeBackByATombstoneOfTheHistoryWhichComesBackItself) {
  make("", std::string(kThreeVideos) + "INSERT INTO graves VALUES ('videos', 'id', 'b')");
  merge();
  EXPECT_EQ(ids(), "a,c");
  EXPECT_EQ(ids("graves", "deleted_key"), "b");
}

TEST_F(BuriedRowsTest, DoNotComeBackByATombstoneBesideTheDatabase) {
  make("", kThreeVideos);
  run_sql(beside(), std::string(kBuriedSchema) + "INSERT INTO graves VALUES ('videos', 'id', 'b')");
  EXPECT_EQ(of(merge(), "videos").buried, 1);
  EXPECT_EQ(ids(), "a,c");
  EXPECT_EQ(ids("graves", "deleted_key"), "");  // it stays where it is
}

TEST_F(BuriedRowsTest, AreNotMergedWhereWhatIsBesideTheDatabaseCannotBeRead) {
  make("", kThreeVideos);
  write_content(beside(), std::string(5000, 'x'));
  EXPECT_EQ(code_of([&] { merge(); }), ErrorCode::kNotADatabase);
  EXPECT_EQ(ids(), "");
}

TEST_F(BuriedRowsTest, StayInThePresentDatabaseIfTheyAreThere) {
  make(std::string(kThreeVideos) + "INSERT INTO graves VALUES ('videos', 'id', 'b')", kThreeVideos);
  EXPECT_EQ(merge().buried(), 0);
  EXPECT_EQ(ids(), "a,b,c");
}

TEST_F(BuriedRowsTest, AreNotBuriedAgainByAnOlderTombstoneWhoseRowIsPresent) {
  make("INSERT INTO videos VALUES ('b', 2, 'again')",
       "INSERT INTO graves VALUES ('videos', 'id', 'b'), ('videos', 'id', 'z')");
  EXPECT_EQ(of(merge(), "graves").buried, 1);
  EXPECT_EQ(ids("graves", "deleted_key"), "z");
}

TEST_F(BuriedRowsTest, AreFoundByAKeyThatIsNotTheTablesOwn) {
  make("INSERT INTO graves VALUES ('VIDEOS', 'title,number', 'B,2')", kThreeVideos);
  merge();
  EXPECT_EQ(ids(), "a,c");
}

TEST_F(BuriedRowsTest, AreFoundInTablesWithoutAPrimaryKey) {
  const std::string schema = std::string(kBuriedSchema) + "CREATE TABLE log (id TEXT, what TEXT);";
  make("INSERT INTO log VALUES ('a', 'one'); INSERT INTO graves VALUES ('log', 'id', 'b')",
       "INSERT INTO log VALUES ('a', 'one'), ('a', 'one'), ('b', 'two'), ('b', 'two'), (NULL, '?')",
       schema);
  const TableMerge log = of(merge(), "log");
  EXPECT_EQ(log.inserted, 2);
  EXPECT_EQ(log.buried, 2);
  EXPECT_EQ(run_sql(target(), "SELECT count(*) FROM log WHERE id = 'b'"), "0");
}

TEST_F(BuriedRowsTest, TakeTheirBelongingsWithThem) {
  const std::string schema = std::string(kBuriedSchema) +
                             "CREATE TABLE notes (n INTEGER PRIMARY KEY, video TEXT);"
                             "CREATE TABLE views (n INTEGER PRIMARY KEY, number INTEGER);";
  belongings = {{.child = "notes", .parent = "videos", .from = {"video"}, .to = {}},
                {.child = "views", .parent = "videos", .from = {"number"}, .to = {"number"}}};
  make("INSERT INTO graves VALUES ('videos', 'id', 'b'), ('videos', 'id', 'gone')",
       std::string(kThreeVideos) +
           "INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'b'), (4, 'gone'), (5, NULL);"
           "INSERT INTO views VALUES (1, 1), (2, 2), (3, 7)",
       schema);
  const MergeReport report = merge();
  EXPECT_EQ(ids("notes", "n"), "1,5");
  EXPECT_EQ(ids("views", "n"), "1,3");
  EXPECT_EQ(of(report, "notes").buried, 3);
  EXPECT_EQ(of(report, "views").buried, 1);
}

TEST_F(BuriedRowsTest, TakeWhatRefersToThemWithThem) {
  const std::string schema = std::string(kBuriedSchema) +
                             "CREATE TABLE notes (n INTEGER PRIMARY KEY, video REFERENCES videos);";
  make("INSERT INTO graves VALUES ('videos', 'id', 'b')",
       std::string(kThreeVideos) + "INSERT INTO notes VALUES (1, 'a'), (2, 'b')", schema);
  merge();
  EXPECT_EQ(ids("notes", "n"), "1");
}

TEST_F(BuriedRowsTest, KeepTheirWholeTableAwayIfNobodyCanTellWhichTheyAre) {
  const std::string schema = std::string(kBuriedSchema) + "CREATE TABLE other (x PRIMARY KEY);";
  for (const char* columns : {"?", "uuid"}) {
    std::filesystem::remove(target());
    std::filesystem::remove(history());
    make("INSERT INTO graves VALUES ('videos', '" + std::string(columns) + "', 'b')",
         std::string(kThreeVideos) + "INSERT INTO other VALUES (1)", schema);
    const MergeReport report = merge();
    EXPECT_NE(of(report, "videos").skipped, "") << columns;
    EXPECT_EQ(ids(), "") << columns;
    EXPECT_EQ(of(report, "other").inserted, 1) << columns;
  }
}

}  // namespace
}  // namespace holdfast::sqlite
