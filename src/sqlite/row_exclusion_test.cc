#include <gtest/gtest.h>

#include "sqlite/row_merge.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using Counts = std::vector<std::uint64_t>;

constexpr std::chrono::milliseconds kExclusionTimeout{50};

class RowExclusionTest : public testing::Test {
 protected:
  Path path() const { return directory / "app.db"; }
  std::string sql(const std::string& text) const { return run_sql(path(), text); }
  Counts remove(const std::vector<Exclusion>& exclusions) const {
    return remove_excluded(path(), exclusions, kExclusionTimeout);
  }
  Counts count(const std::vector<Exclusion>& exclusions) const {
    return count_excluded(path(), exclusions, kExclusionTimeout);
  }
  void make_campaigns() const {
    sql("CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO campaigns (name) VALUES ('One'), ('Prizies'), ('Two'), ('Prizies')");
  }

  env::TemporaryDirectory directory;
  const std::vector<Exclusion> prizies{{"campaigns", "name = 'Prizies'"}};
};

TEST_F(RowExclusionTest, CountsAndRemovesTheRows) {
  make_campaigns();
  EXPECT_EQ(count(prizies), Counts{2});
  EXPECT_EQ(remove(prizies), Counts{2});
  EXPECT_EQ(sql("SELECT group_concat(name) FROM campaigns"), "One,Two");
  EXPECT_EQ(count(prizies), Counts{0});
}

TEST_F(RowExclusionTest, LeavesADatabaseWithoutSuchRowsAsItIs) {
  make_campaigns();
  const std::string before = file_content(path());
  EXPECT_EQ(remove({{"campaigns", "name = 'Nobody'"}, {"nowhere", "1"}}), (Counts{0, 0}));
  EXPECT_TRUE(file_content(path()) == before);
}

TEST_F(RowExclusionTest, LeavesNoLogWhereThereWasNone) {
  make_campaigns();
  sql("PRAGMA journal_mode = WAL");
  remove(prizies);
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"app.db"});
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "2");
}

TEST_F(RowExclusionTest, TakesRowsAlongThatReferToTheExcluded) {
  make_campaigns();
  sql("CREATE TABLE gifts (id INTEGER PRIMARY KEY, campaign INTEGER REFERENCES campaigns);"
      "CREATE TABLE receipts (gift INTEGER REFERENCES gifts ON DELETE CASCADE);"
      "CREATE TABLE notes (campaign INTEGER REFERENCES campaigns ON DELETE SET NULL);"
      "INSERT INTO gifts VALUES (1, 1), (2, 2), (3, 4);"
      "INSERT INTO receipts VALUES (1), (2), (3);"
      "INSERT INTO notes VALUES (1), (2)");
  EXPECT_EQ(remove(prizies), Counts{2});
  EXPECT_EQ(sql("SELECT group_concat(id) FROM gifts"), "1");
  EXPECT_EQ(sql("SELECT group_concat(gift) FROM receipts"), "1");
  EXPECT_EQ(sql("SELECT group_concat(ifnull(campaign, 'none')) FROM notes"), "1,none");
}

TEST_F(RowExclusionTest, FollowsRowsThatReferToTheirOwnTable) {
  sql("CREATE TABLE tree (id TEXT PRIMARY KEY, up TEXT REFERENCES tree) WITHOUT ROWID;"
      "INSERT INTO tree VALUES ('a', NULL), ('b', 'a'), ('c', 'b'), ('d', NULL), ('e', 'd'), "
      "('s', 's')");
  EXPECT_EQ(remove({{"tree", "id IN ('a', 's')"}}), Counts{2});
  EXPECT_EQ(sql("SELECT group_concat(id) FROM tree"), "d,e");
}

TEST_F(RowExclusionTest, ChoosesBeforeItDeletesWhatTheConditionLooksAt) {
  make_campaigns();
  sql("CREATE TABLE gifts (campaign INTEGER REFERENCES campaigns); INSERT INTO gifts VALUES (2)");
  EXPECT_EQ(remove({{"campaigns", "id IN (SELECT campaign FROM gifts)"}}), Counts{1});
  EXPECT_EQ(sql("SELECT group_concat(id) FROM campaigns"), "1,3,4");
}

TEST_F(RowExclusionTest, FiresNoTrigger) {
  make_campaigns();
  sql("CREATE TRIGGER keep BEFORE DELETE ON campaigns BEGIN SELECT raise(ABORT, 'no'); END");
  EXPECT_EQ(remove(prizies), Counts{2});
}

TEST_F(RowExclusionTest, TakesThemOutOfFullTextIndexesToo) {
  make_campaigns();
  sql("CREATE VIRTUAL TABLE words USING fts5(name, content='campaigns', content_rowid='id');"
      "INSERT INTO words(words) VALUES ('rebuild')");
  remove(prizies);
  EXPECT_EQ(sql("SELECT count(*) FROM words WHERE words MATCH 'Prizies'"), "0");
  EXPECT_EQ(sql("SELECT count(*) FROM words WHERE words MATCH 'One'"), "1");
}

TEST_F(RowExclusionTest, RefusesAConditionThatIsNoExpression) {
  make_campaigns();
  for (const char* condition : {"name =", "1); DROP TABLE campaigns; --", ""}) {
    EXPECT_EQ(code_of([&] { remove({prizies.front(), {"campaigns", condition}}); }),
              ErrorCode::kSqlite);
  }
  EXPECT_EQ(sql("SELECT count(*) FROM campaigns"), "4");
}

TEST_F(RowExclusionTest, AllowsACommentAtTheEndOfACondition) {
  make_campaigns();
  EXPECT_EQ(remove({{"Campaigns", "name = 'Prizies' -- never again"}}), Counts{2});
}

}  // namespace
}  // namespace holdfast::sqlite
