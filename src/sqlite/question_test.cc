#include "sqlite/question.h"

#include <gtest/gtest.h>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using Kind = Answer::Kind;

class QuestionTest : public testing::Test {
 protected:
  QuestionTest() {
    run_sql(path(),
            "CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT, share REAL, logo BLOB);"
            "INSERT INTO campaigns VALUES (1, 'One', 1.5, x'00ff'), (2, NULL, 2, NULL)");
  }
  Path path() const { return directory / "app.db"; }
  Answer ask(const std::string& sql) const {
    return sqlite::ask(path(), sql, std::chrono::milliseconds(50), std::chrono::seconds(20));
  }
  ErrorCode refusal(const std::string& sql) const {
    return code_of([&] { ask(sql); });
  }

  env::TemporaryDirectory directory;
};

TEST_F(QuestionTest, AnswersWithTheFirstColumnOfTheFirstRow) {
  const Answer answer = ask("SELECT id, name FROM campaigns ORDER BY id DESC");
  EXPECT_EQ(answer.kind, Kind::kInteger);
  EXPECT_EQ(answer.text, "2");
  EXPECT_EQ(answer.number, 2);
}

TEST_F(QuestionTest, KeepsTheTypeOfTheAnswer) {
  EXPECT_EQ(ask("SELECT share FROM campaigns").kind, Kind::kReal);
  EXPECT_EQ(ask("SELECT share FROM campaigns").text, "1.5");
  EXPECT_EQ(ask("SELECT name FROM campaigns WHERE id = 1").text, "One");
  EXPECT_EQ(ask("SELECT name FROM campaigns WHERE id = 2").kind, Kind::kNull);
  EXPECT_EQ(ask("SELECT name FROM campaigns WHERE id = 3").kind, Kind::kNothing);
  EXPECT_EQ(ask("SELECT logo FROM campaigns").text, "00ff");
}

TEST_F(QuestionTest, TakesTextThatIsANumberForOne) {
  EXPECT_EQ(ask("SELECT '12.5'").number, 12.5);
  EXPECT_EQ(ask("SELECT '12.5 kg'").number, 0);
}

TEST_F(QuestionTest, AllowsBlanksAndCommentsAfterTheStatement) {
  EXPECT_EQ(ask("SELECT 7; -- lucky").text, "7");
}

TEST_F(QuestionTest, AsksWithPragmasThatOnlyLook) {
  EXPECT_EQ(ask("PRAGMA quick_check").text, "ok");
  EXPECT_EQ(ask("SELECT count(*) FROM pragma_table_info('campaigns')").text, "4");
}

TEST_F(QuestionTest, AnswersWhereTheSchemaCallsFunctions) {
  run_sql(path(),
          "CREATE TABLE document (body TEXT CHECK (json_valid(body)),"
          " title TEXT AS (json_extract(body, '$.title')));"
          "CREATE INDEX by_title ON document (json_extract(body, '$.title'));"
          "INSERT INTO document VALUES ('{\"title\": \"Ten\"}')");
  EXPECT_EQ(ask("SELECT title FROM document").text, "Ten");
}

TEST_F(QuestionTest, RefusesSeveralStatements) {
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"), ErrorCode::kSqlite);
  EXPECT_EQ(refusal(""), ErrorCode::kSqlite);
}

TEST_F(QuestionTest, RefusesToWrite) {
  for (const char* sql :
       {"DELETE FROM campaigns", "INSERT INTO campaigns (name) VALUES ('x') RETURNING id",
        "PRAGMA user_version = 7", "PRAGMA journal_mode = WAL", "ATTACH 'other.db' AS other",
        "VACUUM", "DROP TABLE campaigns", "BEGIN"}) {
    const ErrorCode code = refusal(sql);
    EXPECT_TRUE(code == ErrorCode::kSqlite) << sql;
  }
  EXPECT_EQ(run_sql(path(), "SELECT count(*) FROM campaigns"), "2");
  EXPECT_EQ(run_sql(path(), "PRAGMA user_version"), "0");
}

TEST_F(QuestionTest, SaysWhatIsWrongWithTheSql) {
  EXPECT_EQ(refusal("SELECT count(*) FROM nowhere"), ErrorCode::kSqlite);
  EXPECT_EQ(refusal("SELEKT 1"), ErrorCode::kSqlite);
}

TEST_F(QuestionTest, StopsAQuestionThatTakesTooLong) {
  const auto endless = [&] {
    sqlite::ask(path(),
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                "SELECT count(*) FROM n",
                std::chrono::milliseconds(50), std::chrono::milliseconds(20));
  };
  EXPECT_EQ(code_of(endless), ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace holdfast::sqlite
