#include "sqlite/row_store.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "sqlite/table_facts.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

class RowStoreTest : public testing::Test {
 protected:
  RowStoreTest() {
    run_sql(path, "CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER UNIQUE, x REAL, b BLOB, a)");
  }
  std::string message_of(ErrorCode code, const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.happened();
      return error.happened();
    }
    ADD_FAILURE() << "no error was thrown";
    return {};
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

TEST_F(RowStoreTest, NamesTheColumnOfABrokenConstraint) {
  RowStore store(path, {});
  store.begin();
  store.insert("t", {"k", "n"}, Row{"a"s, std::int64_t{1}}, {});
  EXPECT_THAT(message_of(ErrorCode::kRecordRejected,
                         [&] { store.insert("t", {"k", "n"}, Row{"b"s, std::int64_t{1}}, {}); }),
              HasSubstr("t.n"));
}

TEST_F(RowStoreTest, SaysThatATableIsMissing) {
  RowStore store(path, {});
  message_of(ErrorCode::kTableMissing, [&] { store.insert("u", {"k"}, Row{"a"s}, {}); });
  EXPECT_FALSE(store.table("u"));
}

TEST_F(RowStoreTest, TakesBackOneRecordAndKeepsItsNeighbours) {
  RowStore store(path, {});
  store.begin();
  for (const char* key : {"a", "b", "c"}) {
    store.savepoint();
    store.insert("t", {"k"}, Row{std::string(key)}, {});
    if (key == "b"s) {
      store.roll_back_to_savepoint();
    } else {
      store.release_savepoint();
    }
  }
  store.commit();
  EXPECT_EQ(run_sql(path, "SELECT group_concat(k) FROM t"), "a,c");
}

TEST_F(RowStoreTest, BlamesARecordForAForeignKeyThatIsCheckedLate) {
  run_sql(path,
          "CREATE TABLE c (k REFERENCES t DEFERRABLE INITIALLY DEFERRED); "
          "INSERT INTO t (k) VALUES ('p')");
  RowStore store(path, {});
  store.begin();
  store.savepoint();
  store.insert("c", {"k"}, Row{"nobody"s}, {});
  message_of(ErrorCode::kRecordRejected, [&] { store.release_savepoint(); });
  store.roll_back_to_savepoint();
  store.savepoint();
  store.insert("c", {"k"}, Row{"p"s}, {});
  store.release_savepoint();
  store.commit();
  EXPECT_EQ(run_sql(path, "SELECT group_concat(k) FROM c"), "p");
}

TEST_F(RowStoreTest, RollsBackWhatWasNotCommitted) {
  {
    RowStore store(path, {});
    store.begin();
    store.insert("t", {"k"}, Row{"a"s}, {});
  }
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM t"), "0");
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

TEST_F(RowStoreTest, ReadsBackOnlyWhatIsCommitted) {
  run_sql(path, "PRAGMA journal_mode = WAL");
  RowStore store(path, {});
  const RowQuery all{.table = "t", .columns = {"k"}, .conditions = {}, .order = {}, .limit = {}};
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  EXPECT_TRUE(store.read_back(all).empty());
  store.commit();
  EXPECT_EQ(store.read_back(all).size(), 1u);
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

TEST_F(RowStoreTest, FindsSortsAndPagesRows) {
  run_sql(path,
          "INSERT INTO t (k, n) VALUES ('Apple', 1), ('banana', 2), ('cherry', 3), ('date', NULL)");
  RowStore store(path, {});
  const auto keys = [&](std::vector<RowCondition> conditions) {
    std::string answer;
    for (const Row& row : store.select({.table = "t",
                                        .columns = {"k"},
                                        .conditions = std::move(conditions),
                                        .order = {{.column = "k", .descending = true}},
                                        .limit = 2})) {
      answer += std::get<std::string>(row[0]) + " ";
    }
    return answer;
  };
  using Is = RowCondition::Is;
  EXPECT_EQ(keys({}), "date cherry ");
  EXPECT_EQ(keys({{.column = "n", .is = Is::kLess, .value = std::int64_t{3}}}), "banana Apple ");
  EXPECT_EQ(keys({{.column = "n", .is = Is::kEqual, .value = {}}}), "date ");
  EXPECT_EQ(keys({{.column = "k", .is = Is::kContains, .value = "AN"s}}), "banana ");
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
