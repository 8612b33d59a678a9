// What every RowSession must do, whatever the engine behind it. A test program of an engine
// includes this once, and instantiates the suite RowSessionSuite with its own RowSessionSubject.
#ifndef HOLDFAST_BASE_TEST_ROW_SESSION_H_
#define HOLDFAST_BASE_TEST_ROW_SESSION_H_

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/row_session.h"
#include "base/test_errors.h"

namespace holdfast {

// A database of one test, empty at first.
class RowSessionSubject {
 public:
  virtual ~RowSessionSubject() = default;
  // Does not wait long for another writer.
  virtual std::unique_ptr<RowSession> open() = 0;
  // As somebody else. Answers the first column of the first row of the last statement.
  virtual std::string sql(const std::string& text) = 0;
  virtual std::string blob_type() const = 0;
  virtual std::string numbered_key() const = 0;  // the type of a key that the database makes
};

struct RowSessionCase {
  std::string engine;
  std::function<std::unique_ptr<RowSessionSubject>()> make;
};
inline std::string name_of_case(const testing::TestParamInfo<RowSessionCase>& info) {
  return info.param.engine;
}

class RowSessionSuite : public testing::TestWithParam<RowSessionCase> {
 protected:
  RowSessionSuite() : subject(GetParam().make()) {
    subject->sql("CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT UNIQUE, x DOUBLE PRECISION, b " +
                 subject->blob_type() + ")");
    session = subject->open();
  }
  void insert(const std::string& key) { session->insert("t", {"k"}, std::vector<Value>{key}, {}); }
  std::string count() { return subject->sql("SELECT count(*) FROM t"); }
  static RowKey key(const std::string& text) { return {.columns = {"k"}, .values = {text}}; }
  static RowQuery all(std::vector<std::string> columns = {"k"}) {
    return {.table = "t",
            .columns = std::move(columns),
            .conditions = {},
            .order = {{.column = "k", .descending = false}},
            .limit = {}};
  }
  std::string keys(RowQuery query) {
    std::string answer;
    for (const Row& row : session->select(query)) answer += std::get<std::string>(row[0]) + " ";
    return answer;
  }

  std::unique_ptr<RowSessionSubject> subject;
  std::unique_ptr<RowSession> session;
};

TEST_P(RowSessionSuite, KeepsEveryKindOfValueBitForBit) {
  const std::vector<double> reals = {-1e-300,
                                     5e-324,
                                     0.1,
                                     1.0 / 3,
                                     -1.7976931348623157e308,
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity()};
  session->begin();
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const std::int64_t whole = i % 2 == 0 ? std::numeric_limits<std::int64_t>::max() - int(i)
                                          : std::numeric_limits<std::int64_t>::min() + int(i);
    const Row row{"ä\x01 '\"\\ %s $1 €" + std::to_string(i), whole, reals[i],
                  Bytes{std::byte{0}, std::byte{255}, std::byte(i)}};
    session->insert("t", {"k", "n", "x", "b"}, row, {});
    RowQuery query = all({"k", "n", "x", "b"});
    query.conditions = {{.column = "k", .is = RowCondition::Is::kEqual, .value = row[0]}};
    const auto found = session->select(query);
    ASSERT_EQ(found.size(), 1u);
    for (std::size_t j = 0; j < row.size(); ++j) {
      EXPECT_TRUE(is_identical(found[0][j], row[j])) << i << " " << j;
    }
  }
  session->commit();
}

TEST_P(RowSessionSuite, TellsNullFromWhatIsEmpty) {
  session->insert("t", {"k", "b"}, Row{std::string(), Bytes()}, {});
  const auto found = session->select(all({"k", "n", "x", "b"}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(is_identical(found[0][0], std::string()));
  EXPECT_TRUE(is_null(found[0][1]));
  EXPECT_TRUE(is_null(found[0][2]));
  EXPECT_TRUE(is_identical(found[0][3], Bytes()));
}

TEST_P(RowSessionSuite, TakesValuesForValuesWhateverIsInThem) {
  const std::string hostile = "'; DROP TABLE t; --";
  insert(hostile);
  EXPECT_EQ(session->update("t", {"n"}, Row{std::int64_t{1}}, key(hostile)), 1u);
  EXPECT_EQ(session->remove("t", key("' OR '1'='1")), 0u);
  EXPECT_EQ(count(), "1");
}

TEST_P(RowSessionSuite, TakesNamesForNamesWhateverIsInThem) {
  const std::string table = "a \"b\"; DROP TABLE t; --", column = "SELECT \" ' $1 ?";
  subject->sql(R"(CREATE TABLE "a ""b""; DROP TABLE t; --" ("SELECT "" ' $1 ?" TEXT PRIMARY KEY))");
  const auto facts = session->table(table);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->primary_key, std::vector<std::string>{column});
  session->insert(table, {column}, Row{std::string("x")}, {column});
  EXPECT_EQ(session->remove(table, {.columns = {column}, .values = {std::string("x")}}), 1u);
  EXPECT_EQ(count(), "0");
}

TEST_P(RowSessionSuite, NamesTheColumnOfABrokenConstraint) {
  subject->sql(
      "CREATE TABLE c (a TEXT PRIMARY KEY, needed TEXT NOT NULL, small BIGINT CHECK "
      "(small < 10))");
  session->begin();
  session->insert("t", {"k", "n"}, Row{std::string("a"), std::int64_t{1}}, {});
  const auto refused = [&](const std::string& table, const std::vector<std::string>& columns,
                           const Row& row) {
    session->savepoint();
    const std::string message =
        message_of(ErrorCode::kRecordRejected, [&] { session->insert(table, columns, row, {}); });
    EXPECT_TRUE(session->in_transaction());
    session->roll_back_to_savepoint();
    return message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(refused("t", {"k", "n"}, Row{std::string("b"), std::int64_t{1}}), HasSubstr("t.n"));
  EXPECT_THAT(refused("c", {"a"}, Row{std::string("b")}), HasSubstr("c.needed"));
  EXPECT_THAT(refused("c", {"a", "needed", "small"},
                      Row{std::string("b"), std::string("x"), std::int64_t{10}}),
              HasSubstr("small"));
  session->commit();
  EXPECT_EQ(count(), "1");
}

TEST_P(RowSessionSuite, SaysThatATableIsMissing) {
  message_of(ErrorCode::kTableMissing,
             [&] { session->insert("u", {"k"}, Row{std::string("a")}, {}); });
  EXPECT_FALSE(session->table("u"));
  subject->sql("CREATE TABLE u (k TEXT)");
  EXPECT_TRUE(session->table("u"));
}

TEST_P(RowSessionSuite, TakesBackOneRecordAndKeepsItsNeighbours) {
  session->begin();
  for (const char* each : {"a", "b", "c"}) {
    session->savepoint();
    insert(each);
    if (each == std::string("b")) {
      session->roll_back_to_savepoint();
    } else {
      session->release_savepoint();
    }
  }
  session->commit();
  EXPECT_EQ(keys(all()), "a c ");
}

TEST_P(RowSessionSuite, BlamesEachRecordForAForeignKeyThatIsCheckedLate) {
  subject->sql(
      "CREATE TABLE c (k TEXT REFERENCES t DEFERRABLE INITIALLY DEFERRED); "
      "INSERT INTO t (k) VALUES ('p')");
  session->begin();
  for (const char* parent : {"nobody", "p", "later", "still nobody"}) {
    session->savepoint();
    session->insert("c", {"k"}, Row{std::string(parent)}, {});
    // Checked late means late, also after the first that was refused.
    if (parent == std::string("later")) insert(parent);
    if (std::string(parent).ends_with("nobody")) {
      message_of(ErrorCode::kRecordRejected, [&] { session->release_savepoint(); });
      session->roll_back_to_savepoint();
    } else {
      session->release_savepoint();
    }
  }
  session->commit();
  EXPECT_EQ(subject->sql("SELECT count(*) FROM c"), "2");
}

TEST_P(RowSessionSuite, RollsBackWhatWasNotCommitted) {
  session->begin();
  insert("a");
  session->rollback();
  EXPECT_FALSE(session->in_transaction());
  session->begin();
  insert("b");
  session.reset();
  EXPECT_EQ(count(), "0");
}

TEST_P(RowSessionSuite, IsBusyWhileAnotherSessionWritesAndFreeAfterwards) {
  const auto other = subject->open();
  session->begin();
  insert("a");
  message_of(ErrorCode::kDatabaseBusy, [&] { other->begin(); });
  EXPECT_FALSE(other->in_transaction());
  session->commit();
  other->begin();
  other->insert("t", {"k"}, Row{std::string("b")}, {});
  other->commit();
  EXPECT_EQ(count(), "2");
}

TEST_P(RowSessionSuite, ReadsBackOnlyWhatIsCommitted) {
  session->begin();
  insert("a");
  EXPECT_TRUE(session->read_back(all()).empty());
  session->commit();
  EXPECT_EQ(session->read_back(all()).size(), 1u);
}

TEST_P(RowSessionSuite, ReadsBackWhatWasCommittedBeforeItBeganTo) {
  for (const char* key : {"a", "b"}) {
    session->begin();
    insert(key);
    session->commit();
    session->begin_reading_back();
    EXPECT_EQ(session->read_back(all()).back().at(0), Value(std::string(key)));
    EXPECT_EQ(session->read_back(all()).back().at(0), Value(std::string(key)));
    session->end_reading_back();
    session->end_reading_back();  // also where it was not begun
  }
}

TEST_P(RowSessionSuite, KnowsWhetherOthersWroteSinceACommit) {
  session->begin();
  session->others_wrote();
  session->savepoint();
  insert("a");
  session->release_savepoint();
  session->commit();
  session->read_back(all());
  EXPECT_FALSE(session->others_wrote());
  subject->sql("UPDATE t SET n = 7");
  session->read_back(all());
  EXPECT_TRUE(session->others_wrote());
  session->begin();
  session->others_wrote();
  insert("b");
  session->commit();
  subject->sql("DELETE FROM t");
  session->read_back(all());
  EXPECT_TRUE(session->others_wrote());
}

TEST_P(RowSessionSuite, NoticesThatATableWasChanged) {
  session->schema_changed();
  session->table("t");
  session->schema_changed();
  EXPECT_FALSE(session->schema_changed());
  subject->sql("ALTER TABLE t ADD COLUMN late TEXT");
  EXPECT_TRUE(session->schema_changed());
  EXPECT_TRUE(session->table("t")->column("late"));
}

TEST_P(RowSessionSuite, MakesItsOwnTablesOnce) {
  for (int round = 0; round < 2; ++round) {
    session->begin();
    session->create_own_table("_holdfast_x", "k TEXT PRIMARY KEY, at BIGINT NOT NULL");
    session->insert("_holdfast_x", {"k", "at"}, Row{std::to_string(round), std::int64_t{1}}, {});
    session->commit();
  }
  EXPECT_EQ(subject->sql("SELECT count(*) FROM _holdfast_x"), "2");
}

TEST_P(RowSessionSuite, ForgetsATableWhoseMakingWasRolledBack) {
  session->begin();
  session->run("CREATE TABLE v (k TEXT PRIMARY KEY)");
  EXPECT_TRUE(session->table("v"));
  session->rollback();
  EXPECT_FALSE(session->table("v"));
}

TEST_P(RowSessionSuite, SaysHowManyRowsMatchedAKey) {
  insert("a");
  EXPECT_EQ(session->update("t", {"n", "x"}, Row{std::int64_t{5}, 0.5}, key("a")), 1u);
  EXPECT_EQ(session->update("t", {"n"}, Row{std::int64_t{6}}, key("b")), 0u);
  EXPECT_EQ(subject->sql("SELECT n FROM t"), "5");
  EXPECT_EQ(session->remove("t", key("b")), 0u);
  EXPECT_EQ(session->remove("t", key("a")), 1u);
}

TEST_P(RowSessionSuite, AnswersWhatTheDatabaseMadeOfANewRow) {
  subject->sql("CREATE TABLE u (id " + subject->numbered_key() + ", name TEXT DEFAULT 'none')");
  EXPECT_TRUE(session->table("u")->numbers_rows);
  EXPECT_FALSE(session->table("t")->numbers_rows);
  const Row first = session->insert("u", {}, {}, {"id", "name"});
  const Row second = session->insert("u", {"name"}, Row{std::string("x")}, {"id"});
  EXPECT_EQ(std::get<std::string>(first[1]), "none");
  EXPECT_GT(std::get<std::int64_t>(second[0]), std::get<std::int64_t>(first[0]));
  const Row given = session->insert("u", {"id"}, Row{std::int64_t{77}}, {"id"});
  EXPECT_EQ(std::get<std::int64_t>(given[0]), 77);
}

TEST_P(RowSessionSuite, FindsSortsAndPagesRows) {
  subject->sql(
      "INSERT INTO t (k, n) VALUES ('Apple', 1), ('banana', 2), ('cherry', 3), "
      "('date', NULL), ('Äpfel', 5)");
  const auto found = [&](std::vector<RowCondition> conditions) {
    RowQuery query = all();
    query.conditions = std::move(conditions);
    query.order[0].descending = true;
    query.limit = 2;
    return keys(query);
  };
  using Is = RowCondition::Is;
  EXPECT_EQ(found({}), "Äpfel date ");
  EXPECT_EQ(found({{.column = "n", .is = Is::kLess, .value = std::int64_t{3}}}), "banana Apple ");
  EXPECT_EQ(found({{.column = "n", .is = Is::kEqual, .value = {}}}), "date ");
  EXPECT_EQ(found({{.column = "n", .is = Is::kUnequal, .value = std::int64_t{5}}}), "date cherry ");
  EXPECT_EQ(found({{.column = "k", .is = Is::kGreaterOrEqual, .value = std::string("b")},
                   {.column = "k", .is = Is::kLess, .value = std::string("d")}}),
            "cherry banana ");
  EXPECT_EQ(found({{.column = "k", .is = Is::kContains, .value = std::string("AN")}}), "banana ");
  EXPECT_EQ(found({{.column = "k", .is = Is::kContains, .value = std::string("ä")}}), "");
  RowQuery query = all();
  query.order = {{.column = "n", .descending = false}};
  query.offset = 1;
  EXPECT_EQ(keys(query), "Apple banana cherry Äpfel ");  // NULL comes first
  EXPECT_EQ(session->count(all()), 5u);
  query = all();
  query.conditions = {{.column = "n", .is = Is::kGreater, .value = std::int64_t{1}}};
  query.where = "k = 'banana' OR k = 'Apple'";
  EXPECT_EQ(keys(query), "banana ");
}

TEST_P(RowSessionSuite, TellsWhatATableIs) {
  subject->sql(
      "CREATE TABLE u (b TEXT, id BIGINT NOT NULL, name VARCHAR(9) NOT NULL DEFAULT 'x', "
      "ok BOOLEAN, r DOUBLE PRECISION, blob_ " +
      subject->blob_type() + ", PRIMARY KEY (id, b))");
  const TableFacts facts = session->table("u").value();
  ASSERT_EQ(facts.columns.size(), 6u);
  EXPECT_EQ(facts.columns[0].kind, ColumnKind::kText);
  EXPECT_EQ(facts.columns[1].kind, ColumnKind::kInteger);
  EXPECT_TRUE(facts.columns[1].required);
  EXPECT_EQ(facts.columns[2].kind, ColumnKind::kText);
  EXPECT_FALSE(facts.columns[2].required);
  EXPECT_EQ(facts.columns[3].kind, ColumnKind::kBoolean);
  EXPECT_EQ(facts.columns[4].kind, ColumnKind::kReal);
  EXPECT_EQ(facts.columns[5].kind, ColumnKind::kBlob);
  EXPECT_EQ(facts.primary_key, (std::vector<std::string>{"id", "b"}));
  EXPECT_FALSE(facts.numbers_rows);
  EXPECT_FALSE(facts.has_triggers);
}

}  // namespace holdfast

#endif  // HOLDFAST_BASE_TEST_ROW_SESSION_H_
