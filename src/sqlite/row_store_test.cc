#include "sqlite/row_store.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/test_errors.h"
#include "sqlite/table_facts.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using namespace std::string_literals;

class RowStoreTest : public testing::Test {
 protected:
  RowStoreTest() {
    run_sql(path, "CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER UNIQUE, x REAL, b BLOB, a)");
  }
  Row row_of(RowStore& store, const std::string& key) {
    const auto rows =
        store.select({.table = "t",
                      .columns = {"k", "n", "x", "b", "a"},
                      .conditions = {{.column = "k", .is = RowCondition::Is::kEqual, .value = key}},
                      .order = {},
                      .limit = {}});
    return rows.empty() ? Row() : rows[0];
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "app.db";
};

TEST_F(RowStoreTest, KeepsEveryKindOfValueBitForBit) {
  RowStore store(path, {});
  const Row row{"a\0\xff"s, std::numeric_limits<std::int64_t>::max(), 5e-324,
                Bytes{std::byte{0}, std::byte{255}}, Bytes{}};
  store.begin();
  store.insert("t", {"k", "n", "x", "b", "a"}, row, {});
  store.commit();
  const Row found = row_of(store, "a\0\xff"s);
  ASSERT_EQ(found.size(), row.size());
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_TRUE(is_identical(found[i], row[i])) << i;
}

TEST_F(RowStoreTest, RefusesNanWhichWouldBecomeNull) {
  RowStore store(path, {});
  const Row row{"a"s, std::nan("")};
  message_of(ErrorCode::kRecordRejected, [&] { store.insert("t", {"k", "x"}, row, {}); });
}

TEST_F(RowStoreTest, IsBusyWhileAnotherProcessWrites) {
  OtherConnection other(path);
  EXPECT_EQ(other.run("BEGIN IMMEDIATE"), "ok []");
  RowStore store(path, {});
  message_of(ErrorCode::kDatabaseBusy, [&] { store.begin(); });
}

TEST_F(RowStoreTest, KnowsThatOthersWrote) {
  RowStore store(path, {});
  store.others_wrote();
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  store.commit();
  EXPECT_FALSE(store.others_wrote());
  run_sql(path, "DELETE FROM t");
  EXPECT_TRUE(store.others_wrote());
}

TEST_F(RowStoreTest, KeepsItsOwnTablesBesideWhereTheDatabaseMayNotBeTouched) {
  RowStore store(path, {.own_tables_beside = true});
  store.begin();
  store.create_own_table("_holdfast_x", "k TEXT PRIMARY KEY");
  store.insert("_holdfast_x", {"k"}, Row{"a"s}, {});
  store.commit();
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%holdfast%'"), "0");
  EXPECT_EQ(run_sql(directory / "app.db.holdfast", "SELECT k FROM _holdfast_x"), "a");
}

TEST_F(RowStoreTest, RefusesAnEmptyFile) {
  write_content(directory / "empty.db", "");
  message_of(ErrorCode::kDatabaseEmpty, [&] { RowStore(directory / "empty.db", {}); });
  message_of(ErrorCode::kDatabaseMissing, [&] { RowStore(directory / "none.db", {}); });
}

TEST_F(RowStoreTest, LeavesNoLogWhereThereWasNone) {
  run_sql(path, "PRAGMA journal_mode = WAL");
  {
    RowStore store(path, {});
    store.begin();
    store.insert("t", {"k"}, Row{"a"s}, {});
    store.commit();
  }
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"app.db"});
}

TEST_F(RowStoreTest, TellsWhatATableIs) {
  run_sql(path,
          "CREATE TABLE u (b, id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL, ok BOOLEAN, "
          "doc JSON, day DATE, g AS (b)); CREATE TRIGGER r AFTER INSERT ON u BEGIN SELECT 1; END");
  RowStore store(path, {});
  const TableFacts facts = store.table("U").value();
  EXPECT_EQ(facts.table, "u");
  ASSERT_EQ(facts.columns.size(), 6u);
  EXPECT_EQ(facts.columns[1].kind, ColumnKind::kInteger);
  EXPECT_EQ(facts.columns[2].kind, ColumnKind::kText);
  EXPECT_TRUE(facts.columns[2].required);
  EXPECT_EQ(facts.columns[3].kind, ColumnKind::kBoolean);
  EXPECT_EQ(facts.columns[4].kind, ColumnKind::kJson);
  EXPECT_EQ(facts.columns[5].kind, ColumnKind::kNumeric);
  EXPECT_EQ(facts.primary_key, std::vector<std::string>{"id"});
  EXPECT_TRUE(facts.numbers_rows);
  EXPECT_TRUE(facts.has_triggers);
  EXPECT_FALSE(store.table("t")->numbers_rows);
}

}  // namespace
}  // namespace holdfast::sqlite
