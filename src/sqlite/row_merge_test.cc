#include "sqlite/row_merge.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr std::chrono::milliseconds kMergeTimeout{50};

class RowMergeTest : public testing::Test {
 protected:
  Path target() const { return directory / "app.db"; }
  Path history() const { return directory / "history.db"; }
  std::string ask(const std::string& text) const { return run_sql(target(), text); }
  // The same schema on both sides.
  void make(const std::string& schema, const std::string& now, const std::string& before) const {
    run_sql(target(), schema + ";" + now);
    run_sql(history(), schema + ";" + before);
  }
  MergeReport merge(const std::vector<Exclusion>& exclusions = {}) const {
    return merge_rows({.target = target(),
                       .history = history(),
                       .exclusions = exclusions,
                       .tombstones = {},
                       .busy_timeout = kMergeTimeout});
  }
  static TableMerge of(const MergeReport& report, std::string_view table) {
    const auto found = std::ranges::find(report.tables, table, &TableMerge::table);
    if (found != report.tables.end()) return *found;
    ADD_FAILURE() << table << " is not in the report";
    return {};
  }

  env::TemporaryDirectory directory;
};

TEST_F(RowMergeTest, BringsBackMissingRowsAndKeepsThePresentOnes) {
  make("CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT)",
       "INSERT INTO campaigns VALUES (1, 'One, renamed'), (3, 'Three'), (9, 'Mine')",
       "INSERT INTO campaigns VALUES (1, 'One'), (2, 'Two'), (3, 'Three')");
  const TableMerge table = of(merge(), "campaigns");
  EXPECT_EQ(table.inserted, 1);
  EXPECT_EQ(table.kept, 1);
  EXPECT_EQ(table.lost, 0);
  EXPECT_EQ(ask("SELECT group_concat(id || name) FROM (SELECT * FROM campaigns ORDER BY id)"),
            "1One, renamed,2Two,3Three,9Mine");
  EXPECT_EQ(merge().inserted(), 0);
}

TEST_F(RowMergeTest, ComparesTextKeysCompositeKeysAndTablesWithoutRowid) {
  make(
      "CREATE TABLE a (k TEXT PRIMARY KEY COLLATE NOCASE, v);"
      "CREATE TABLE b (x INT, y TEXT, v, PRIMARY KEY (y, x));"
      "CREATE TABLE c (x INT, y INT, v, PRIMARY KEY (x, y)) WITHOUT ROWID;",
      "INSERT INTO a VALUES ('ONE', 1); INSERT INTO b VALUES (1, 'a', 1);"
      "INSERT INTO c VALUES (1, 1, 'here')",
      "INSERT INTO a VALUES ('one', 1), ('two', 2);"
      "INSERT INTO b VALUES (1, 'a', 1), (2, 'a', 2), (1, 'b', 3);"
      "INSERT INTO c VALUES (1, 1, 'there'), (1, 2, 'there')");
  const MergeReport report = merge();
  EXPECT_EQ(of(report, "a").inserted, 1);
  EXPECT_EQ(of(report, "b").inserted, 2);
  EXPECT_EQ(of(report, "c").inserted, 1);
  EXPECT_EQ(of(report, "c").kept, 1);
  EXPECT_EQ(ask("SELECT group_concat(v) FROM c"), "here,there");
}

TEST_F(RowMergeTest, CountsEqualRowsOfTablesWithoutKey) {
  make("CREATE TABLE log (what TEXT, n)", "INSERT INTO log VALUES ('a', NULL), ('c', 1)",
       "INSERT INTO log VALUES ('a', NULL), ('a', NULL), ('A', NULL), ('b', x'00')");
  EXPECT_EQ(of(merge(), "log").inserted, 3);
  EXPECT_EQ(ask("SELECT group_concat(what, '') FROM (SELECT what FROM log ORDER BY what)"),
            "Aaabc");
  EXPECT_EQ(merge().inserted(), 0);
}

TEST_F(RowMergeTest, MakesTablesThatAreMissingWithAllThatBelongsToThem) {
  run_sql(target(), "CREATE TABLE here (x)");
  run_sql(history(),
          "CREATE TABLE here (x); CREATE TABLE gone (id INTEGER PRIMARY KEY, x UNIQUE);"
          "CREATE INDEX gone_x ON gone (x DESC); CREATE INDEX dropped ON here (x);"
          "CREATE VIEW all_gone AS SELECT * FROM gone;"
          "CREATE TRIGGER on_gone AFTER INSERT ON gone BEGIN DELETE FROM here; END;"
          "INSERT INTO gone VALUES (5, 'five')");
  const MergeReport report = merge();
  EXPECT_EQ(report.created, std::vector<std::string>{"gone"});
  EXPECT_EQ(ask("SELECT x FROM all_gone"), "five");
  EXPECT_EQ(ask("SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE sql IS NOT "
                "NULL ORDER BY name)"),
            "all_gone,gone,gone_x,here,on_gone");
}

TEST_F(RowMergeTest, MatchesColumnsByName) {
  run_sql(target(),
          "CREATE TABLE t (name TEXT, Id INTEGER PRIMARY KEY, added TEXT DEFAULT 'new',"
          " loud TEXT AS (upper(name)) STORED)");
  run_sql(history(),
          "CREATE TABLE t (id INTEGER PRIMARY KEY, dropped, name TEXT);"
          "INSERT INTO t VALUES (4, 'x', 'four')");
  EXPECT_EQ(of(merge(), "t").inserted, 1);
  EXPECT_EQ(ask("SELECT id || name || added || loud FROM t"), "4fournewFOUR");
}

TEST_F(RowMergeTest, LetsThePresentRowWinWhereOneMustBeUnique) {
  make("CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT UNIQUE ON CONFLICT REPLACE)",
       "INSERT INTO users VALUES (1, 'a@example')",
       "INSERT INTO users VALUES (2, 'a@example'), (3, 'b@example')");
  const TableMerge table = of(merge(), "users");
  EXPECT_EQ(table.inserted, 1);
  EXPECT_EQ(table.lost, 1);
  EXPECT_EQ(ask("SELECT group_concat(id) FROM users"), "1,3");
}

TEST_F(RowMergeTest, LeavesOutRowsThatReferToNothing) {
  const std::string schema =
      "CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT UNIQUE);"
      "CREATE TABLE gifts (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people (id));"
      "CREATE TABLE receipts (gift INTEGER REFERENCES gifts, text)";
  make(schema,
       "INSERT INTO people VALUES (1, 'a'); INSERT INTO gifts VALUES (10, 77)",  // broken before
       "INSERT INTO people VALUES (2, 'a'), (3, 'c');"
       "INSERT INTO gifts VALUES (20, 2), (30, 3), (40, NULL);"
       "INSERT INTO receipts VALUES (20, 'lost'), (30, 'back'), (10, 'of the present')");
  const MergeReport report = merge();
  EXPECT_EQ(ask("SELECT group_concat(id) FROM people"), "1,3");
  EXPECT_EQ(ask("SELECT group_concat(id) FROM gifts"), "10,30,40");
  EXPECT_EQ(ask("SELECT group_concat(text) FROM (SELECT text FROM receipts ORDER BY gift)"),
            "of the present,back");
  EXPECT_EQ(of(report, "gifts").lost, 1);
  EXPECT_EQ(of(report, "receipts").lost, 1);
  EXPECT_EQ(ask("SELECT count(*) FROM pragma_foreign_key_check"), "1");
}

TEST_F(RowMergeTest, FiresNoTrigger) {
  make(
      "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE seen (id);"
      "CREATE TRIGGER on_t AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (new.id); END",
      "", "INSERT INTO t VALUES (1); DELETE FROM seen");
  EXPECT_EQ(of(merge(), "t").inserted, 1);
  EXPECT_EQ(ask("SELECT count(*) FROM seen"), "0");
}

TEST_F(RowMergeTest, GivesNoIdAwayASecondTime) {
  make("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x)", "",
       "INSERT INTO t VALUES (1, 1), (50, 2); DELETE FROM t WHERE id = 50");
  merge();
  EXPECT_EQ(ask("INSERT INTO t (x) VALUES (3); SELECT max(id) FROM t"), "51");
}

TEST_F(RowMergeTest, NeverBringsBackWhatIsExcluded) {
  make(
      "CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT);"
      "CREATE TABLE gifts (id INTEGER PRIMARY KEY, campaign INTEGER REFERENCES campaigns)",
      "",
      "INSERT INTO campaigns VALUES (1, 'One'), (2, 'Prizies'); INSERT INTO gifts VALUES (7, 2)");
  const MergeReport report = merge({{"campaigns", "name = 'Prizies'"}});
  EXPECT_EQ(of(report, "campaigns").excluded, 1);
  EXPECT_EQ(ask("SELECT group_concat(name) FROM campaigns"), "One");
  EXPECT_EQ(ask("SELECT count(*) FROM gifts"), "0");
}

TEST_F(RowMergeTest, SkipsATableWhoseKeyTheHistoryLacks) {
  run_sql(target(), "CREATE TABLE t (uuid TEXT PRIMARY KEY, x); CREATE VIEW v AS SELECT 1 AS x");
  run_sql(history(), "CREATE TABLE t (x); CREATE TABLE v (x); INSERT INTO t VALUES (1)");
  const MergeReport report = merge();
  EXPECT_NE(of(report, "t").skipped, "");
  EXPECT_NE(of(report, "v").skipped, "");
}

TEST_F(RowMergeTest, SkipsATableThatDoesNotTakeTheRowsAndMergesTheOthers) {
  run_sql(target(),
          "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER) STRICT; CREATE TABLE b (x)");
  run_sql(history(),
          "CREATE TABLE a (id INTEGER PRIMARY KEY, n); CREATE TABLE b (x);"
          "INSERT INTO a VALUES (1, 'text'); INSERT INTO b VALUES (1)");
  const MergeReport report = merge();
  EXPECT_NE(of(report, "a").skipped, "");
  EXPECT_EQ(of(report, "b").inserted, 1);
}

TEST_F(RowMergeTest, BringsBackWhatAFullTextIndexHolds) {
  make("CREATE VIRTUAL TABLE notes USING fts5(body)",
       "INSERT INTO notes(rowid, body) VALUES (2, 'present words')",
       "INSERT INTO notes(rowid, body) VALUES (1, 'lost words')");
  merge();
  EXPECT_EQ(ask("SELECT count(*) FROM notes WHERE notes MATCH 'words'"), "2");
  EXPECT_EQ(ask("SELECT body FROM notes WHERE notes MATCH 'lost'"), "lost words");
}

TEST_F(RowMergeTest, MakesAMissingFullTextIndex) {
  run_sql(target(), "CREATE TABLE t (x)");
  run_sql(history(),
          "CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('lost words')");
  merge();
  EXPECT_EQ(ask("SELECT body FROM notes WHERE notes MATCH 'lost'"), "lost words");
}

TEST_F(RowMergeTest, TakesNamesOfAnyKind) {
  make(
      "CREATE TABLE \"or\"\"der by\" (\"sel'ect\" INTEGER PRIMARY KEY, \"rowid\" TEXT);"
      "CREATE TABLE holdfast_rows (\"a b\", \"rowid\")",
      "INSERT INTO holdfast_rows VALUES (1, 2)",
      "INSERT INTO \"or\"\"der by\" VALUES (1, 'x'); INSERT INTO holdfast_rows VALUES (3, 4)");
  EXPECT_EQ(merge().inserted(), 2);
}

TEST_F(RowMergeTest, LeavesNoLogWhereThereWasNone) {
  make("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)", "",
       "INSERT INTO t VALUES (1)");
  merge();
  EXPECT_FALSE(std::filesystem::exists(target().string() + "-wal"));
  EXPECT_EQ(ask("SELECT count(*) FROM t"), "1");
}

TEST_F(RowMergeTest, WaitsNoLongerThanToldForALockedDatabase) {
  make("CREATE TABLE t (id INTEGER PRIMARY KEY)", "", "INSERT INTO t VALUES (1)");
  OtherConnection other(target());
  other.run("BEGIN IMMEDIATE");
  EXPECT_EQ(code_of([&] { merge(); }), ErrorCode::kDatabaseBusy);
}

// The kernel kills the process at the first byte beyond the limit: in the middle of writing the
// merged pages, of the log or of the database itself.
TEST_F(RowMergeTest, LeavesTheOldRowsWhenItIsKilledInTheMiddle) {
  for (const char* mode : {"DELETE", "WAL"}) {
    std::filesystem::remove(target());
    std::filesystem::remove(history());
    make("CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "INSERT INTO t VALUES (0, 'present')",
         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
         "INSERT INTO t SELECT i, randomblob(500) FROM n");
    run_sql(target(), std::string("PRAGMA journal_mode = ") + mode);
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit limit{.rlim_cur = 300'000, .rlim_max = 300'000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      ::signal(SIGXFSZ, SIG_DFL);
      try {
        merge();
      } catch (...) {
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) << mode;
    EXPECT_EQ(ask("SELECT group_concat(x) FROM t"), "present") << mode;
    EXPECT_EQ(merge().inserted(), 2000) << mode;
  }
}

}  // namespace
}  // namespace holdfast::sqlite
