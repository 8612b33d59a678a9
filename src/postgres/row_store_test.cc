// What of PostgreSQL's rows is only PostgreSQL's; row_session_test.cc has what all engines do.
#include "postgres/row_store.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/test_errors.h"
#include "postgres/test_proxy.h"
#include "postgres/test_server.h"

namespace holdfast::postgres {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PostgresRows : public testing::Test {
 protected:
  Address address() const { return Address(server.url(database)); }
  std::string sql(const std::string& text) { return server.sql(database, text); }
  // What becomes of a value in a column of this type.
  Value stored(const std::string& type, const Value& value) {
    sql("DROP TABLE IF EXISTS v; CREATE TABLE v (x " + type + ")");
    const Row row{value};
    return RowStore(address(), {}).insert("v", {"x"}, row, {"x"}).at(0);
  }

  TestServer& server = TestServer::shared();
  const std::string database = server.new_database();
};

TEST_F(PostgresRows, KeepValuesOfEveryTypeWithoutLoss) {
  EXPECT_TRUE(std::isnan(std::get<double>(stored("double precision", std::nan("")))));
  EXPECT_TRUE(is_identical(stored("double precision", -0.0), -0.0));
  EXPECT_EQ(stored("real", 0.1), Value(0.1));
  EXPECT_EQ(stored("boolean", std::int64_t{1}), Value(std::int64_t{1}));
  EXPECT_EQ(stored("smallint", std::int64_t{-7}), Value(std::int64_t{-7}));
  const std::string digits = "123456789012345678901234567890.123456789012345678901234567890";
  EXPECT_EQ(stored("numeric", digits), Value(digits));
  EXPECT_EQ(stored("numeric(12,2)", "1.5"s), Value("1.50"s));
  EXPECT_EQ(stored("jsonb", R"({"b":1.50,"a":[1e300,"1"]})"s),
            Value(R"({"a": [1e+300, "1"], "b": 1.50})"s));
  EXPECT_EQ(stored("json", R"({"b" : 1.50})"s), Value(R"({"b" : 1.50})"s));
  EXPECT_EQ(stored("timestamptz", "2026-11-21T10:00:00.25+02:00"s),
            Value("2026-11-21 08:00:00.25+00"s));
  EXPECT_EQ(stored("date", "2026-11-21"s), Value("2026-11-21"s));
  EXPECT_EQ(stored("char(5)", "ab"s), Value("ab"s));
  EXPECT_EQ(stored("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"s),
            Value("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"s));
  EXPECT_EQ(stored("text[]", "{a,\"b c\"}"s), Value("{a,\"b c\"}"s));
}

TEST_F(PostgresRows, AreWrittenAlsoWhereTheyCannotTellTheirVersions) {
  sql("CREATE TABLE parts (k text, n bigint) PARTITION BY LIST (n);"
      "CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);"
      "CREATE TABLE plain (k text, n bigint); CREATE VIEW seen AS SELECT * FROM plain;"
      "CREATE TABLE noted (k text); CREATE TABLE ruled (k text, n bigint);"
      "CREATE RULE note AS ON INSERT TO ruled DO ALSO INSERT INTO noted VALUES (new.k)");
  RowStore store(address(), {});
  for (const char* table : {"parts", "seen", "ruled"}) {
    const RowQuery all{
        .table = table, .columns = {"k"}, .conditions = {}, .order = {}, .limit = {}};
    const Row row{"a"s, std::int64_t{1}};
    store.begin();
    EXPECT_EQ(store.insert(table, {"k", "n"}, row, {"k"}), Row{"a"s}) << table;
    const Row key{"a"s};
    EXPECT_EQ(store.update(table, {"n"}, Row{std::int64_t{1}}, {{"k"}, key}), 1u) << table;
    EXPECT_EQ(store.select(all).size(), 1u) << table;
    store.commit();
    EXPECT_EQ(store.read_back(all), std::vector<Row>{Row{"a"s}}) << table;
  }
}

TEST_F(PostgresRows, AreKnownToBeOfSomebodyWhoBeganBeforeAndWroteAfterwards) {
  sql("CREATE TABLE t (k text, n bigint)");
  Connection application(address(), {});
  RowStore store(address(), {});
  const RowQuery all{.table = "t", .columns = {"n"}, .conditions = {}, .order = {}, .limit = {}};
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  application.script("BEGIN; SELECT pg_current_xact_id()");
  store.savepoint();
  store.update("t", {"n"}, Row{std::int64_t{1}}, {{"k"}, {"a"s}});
  store.release_savepoint();
  store.commit();
  store.read_back(all);
  EXPECT_FALSE(store.others_wrote());
  application.script("UPDATE t SET n = 2; COMMIT");
  store.read_back(all);
  EXPECT_TRUE(store.others_wrote());
}

TEST_F(PostgresRows, KnowWhatMeansTheSame) {
  RowStore store(address(), {});
  const auto same = [&](ColumnKind kind, const std::string& type, const Value& a, const Value& b) {
    return store.holds_equal({.name = "x", .kind = kind, .declared_type = type}, a, b);
  };
  constexpr auto kText = ColumnKind::kText, kDecimal = ColumnKind::kDecimal;
  EXPECT_TRUE(same(kDecimal, "numeric(12,2)", "1.5"s, "1.50"s));
  EXPECT_FALSE(same(kDecimal, "numeric(12,2)", "1.505"s, "1.51"s));
  EXPECT_TRUE(
      same(kText, "timestamp with time zone", "2026-11-21T10:00:00Z"s, "2026-11-21 10:00:00+00"s));
  EXPECT_FALSE(same(kText, "timestamp(0) with time zone", "2026-11-21T10:00:00.5Z"s,
                    "2026-11-21 10:00:01+00"s));
  EXPECT_TRUE(
      same(kText, "timestamp without time zone", "2026-11-21T10:00"s, "2026-11-21 10:00:00"s));
  // PostgreSQL would drop the zone, and the time of day, without a word.
  EXPECT_FALSE(same(kText, "timestamp without time zone", "2026-11-21T10:00:00+05"s,
                    "2026-11-21 10:00:00"s));
  EXPECT_FALSE(same(kText, "date", "2026-11-21T10:00:00"s, "2026-11-21"s));
  EXPECT_FALSE(same(kText, "character varying(2)", "abc"s, "ab"s));
  EXPECT_TRUE(same(kText, "uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"s,
                   "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"s));
}

TEST_F(PostgresRows, RefuseWhatTheyCannotHoldAndNameTheColumn) {
  sql("CREATE TABLE v (a text, n integer, code varchar(3), j jsonb, p numeric(4,1), b bytea)");
  RowStore store(address(), {});
  const auto refusal = [&](const std::string& column, const Value& value) {
    const Row row{"x"s, value};
    const std::vector<std::string> columns{column == "a" ? "code" : "a", column};
    return message_of(ErrorCode::kRecordRejected, [&] { store.insert("v", columns, row, {}); });
  };
  EXPECT_THAT(refusal("a", "a\0b"s), AllOf(HasSubstr("column a"), HasSubstr("NUL")));
  EXPECT_THAT(refusal("a", "\xff"s), HasSubstr("column v.a"));
  EXPECT_THAT(refusal("n", "seven"s), HasSubstr("column v.n"));
  EXPECT_THAT(refusal("n", std::int64_t{1} << 40), HasSubstr("column v.n"));
  EXPECT_THAT(refusal("code", "long"s), HasSubstr("code"));
  EXPECT_THAT(refusal("j", "{"s), HasSubstr("column v.j"));
  EXPECT_THAT(refusal("j", "\"\\u0000\""s), HasSubstr("column v.j"));
  EXPECT_THAT(refusal("p", std::int64_t{1000}), HasSubstr("column v.p"));
  EXPECT_THAT(refusal("n", Bytes{std::byte{1}}), HasSubstr("\"n\""));
  EXPECT_EQ(sql("SELECT count(*) FROM v"), "0");
}

TEST_F(PostgresRows, SayOfAFilterThatNoRowCanMatchIt) {
  sql("CREATE TABLE v (n integer)");
  RowStore store(address(), {});
  const RowQuery query{
      .table = "v",
      .columns = {"n"},
      .conditions = {{.column = "n", .is = RowCondition::Is::kEqual, .value = "x"s}},
      .order = {},
      .limit = {}};
  EXPECT_THAT(message_of(ErrorCode::kRecordInvalid, [&] { store.select(query); }),
              HasSubstr("column n"));
}

TEST_F(PostgresRows, TellWhatTypesMean) {
  sql("CREATE DOMAIN price AS numeric(9,2); CREATE SCHEMA other;"
      "CREATE TABLE other.v (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), p price, j jsonb, "
      "t timestamptz, g integer GENERATED ALWAYS AS (1) STORED)");
  RowStore store(address(), {});
  const TableFacts facts = store.table("other.v").value();
  ASSERT_EQ(facts.columns.size(), 4u);
  EXPECT_TRUE(facts.numbers_rows);
  EXPECT_EQ(facts.columns[1].kind, ColumnKind::kDecimal);
  EXPECT_EQ(facts.columns[2].kind, ColumnKind::kJson);
  EXPECT_EQ(facts.columns[3].kind, ColumnKind::kText);
  const Row row = store.insert("other.v", {"p"}, Row{"1.5"s}, {"id", "p"});
  EXPECT_EQ(std::get<std::string>(row[0]).size(), 36u);
  EXPECT_EQ(row[1], Value("1.50"s));
}

TEST_F(PostgresRows, RefuseANameThatWouldBeCutShort) {
  RowStore store(address(), {});
  EXPECT_EQ(code_of([&] { store.table(std::string(64, 'a')); }), ErrorCode::kConfiguration);
}

TEST_F(PostgresRows, SurviveLargeValues) {
  const std::string text(50 << 20, 'x');
  EXPECT_EQ(stored("text", text), Value(text));
}

TEST_F(PostgresRows, AreBusyBehindALockOfTheApplication) {
  sql("CREATE TABLE t (k text PRIMARY KEY)");
  Connection application(address(), {});
  application.script("BEGIN; LOCK TABLE t");
  RowStore store(address(), {.lock = std::chrono::milliseconds(30)});
  store.begin();
  EXPECT_EQ(code_of([&] { store.insert("t", {"k"}, Row{"a"s}, {}); }), ErrorCode::kDatabaseBusy);
  store.rollback();
  application.script("COMMIT");
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  store.commit();
  EXPECT_EQ(sql("SELECT k FROM t"), "a");
}

TEST_F(PostgresRows, AreBusyWhereAStatementTakesTooLong) {
  Connection connection(address(), {.statement = std::chrono::milliseconds(30)});
  EXPECT_EQ(code_of([&] { connection.query("SELECT pg_sleep(60)"); }), ErrorCode::kDatabaseBusy);
  EXPECT_EQ(connection.query("SELECT 1").number(0, 0), 1);
}

TEST_F(PostgresRows, DoNotTakeARolledBackTransactionForACommit) {
  sql("CREATE TABLE t (k text PRIMARY KEY)");
  RowStore store(address(), {});
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  EXPECT_EQ(code_of([&] { store.insert("t", {"k"}, Row{"a"s}, {}); }), ErrorCode::kRecordRejected);
  EXPECT_ANY_THROW(store.commit());
  EXPECT_EQ(sql("SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresRows, AreUnavailableWhenTheConnectionIsLostAndRolledBack) {
  sql("CREATE TABLE t (k text PRIMARY KEY)");
  TestProxy proxy(server.socket());
  RowStore store(Address(proxy.url(database)), {});
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  proxy.break_at("COMMIT", TestProxy::Break::kBefore);
  const std::string message = message_of(ErrorCode::kUnavailable, [&] { store.commit(); });
  EXPECT_THAT(message, AllOf(HasSubstr(database), Not(HasSubstr("geheim"))));
  EXPECT_EQ(proxy.broken(), 1);
  EXPECT_EQ(code_of([&] { store.begin(); }), ErrorCode::kUnavailable);
  EXPECT_EQ(sql("SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresRows, MayBeCommittedAlthoughTheConnectionWasLost) {
  sql("CREATE TABLE t (k text PRIMARY KEY)");
  TestProxy proxy(server.socket());
  RowStore store(Address(proxy.url(database)), {});
  store.begin();
  store.insert("t", {"k"}, Row{"a"s}, {});
  proxy.break_at("COMMIT", TestProxy::Break::kAfter);
  EXPECT_EQ(code_of([&] { store.commit(); }), ErrorCode::kUnavailable);
  EXPECT_EQ(sql("SELECT count(*) FROM t"), "1");
}

TEST_F(PostgresRows, SayWhyThereIsNoConnection) {
  EXPECT_EQ(code_of([&] { RowStore(Address(server.url("nowhere")), {}); }),
            ErrorCode::kDatabaseMissing);
  sql("DROP ROLE IF EXISTS nobody");
  const std::string url = "postgres://nobody:geheim@/" + database +
                          "?host=" + env::Path(server.socket()).parent_path().string();
  EXPECT_THAT(message_of(ErrorCode::kPermissionDenied, [&] { RowStore(Address(url), {}); }),
              Not(HasSubstr("geheim")));
  EXPECT_EQ(code_of([&] { RowStore(Address("postgres://x@127.0.0.1:1/d"), {}); }),
            ErrorCode::kUnavailable);
}

TEST_F(PostgresRows, AreSyncedWhateverTheRoleSays) {
  sql("ALTER DATABASE " + database + " SET synchronous_commit = off");
  Connection connection(address(), {});
  EXPECT_EQ(connection.query("SHOW synchronous_commit").text(0, 0), "on");
}

}  // namespace
}  // namespace holdfast::postgres
