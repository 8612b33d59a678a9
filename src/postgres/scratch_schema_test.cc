#include "postgres/scratch_schema.h"

#include <gmock/gmock.h>

#include <optional>

#include "base/test_errors.h"
#include "postgres/test_server.h"
#include "postgres/write_rights.h"

namespace holdfast::postgres {
namespace {

using testing::HasSubstr;

class ScratchSchemaTest : public testing::Test {
 protected:
  std::string sql(const std::string& text) { return server.sql(database, text); }
  std::string url() const { return server.url(database); }
  // As the application of the copy sees it.
  std::string in_scratch(const std::string& text) {
    const auto results = Connection(Address(scratch->url()), {}).script(text);
    return results.back().rows() == 0 ? std::string() : std::string(results.back().text(0, 0));
  }
  void copy(const std::vector<TableToCopy>& tables) {
    scratch.emplace(url(), Timeouts{});
    scratch->copy(tables);
  }
  std::string schemas() {
    return sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'holdfast%'");
  }

  TestServer& server = TestServer::shared();
  const std::string database = server.new_database();
  std::optional<ScratchSchema> scratch;
};

TEST_F(ScratchSchemaTest, CopiesATableWithARowAndLeavesNothingBehind) {
  sql("CREATE TABLE t (id bigserial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY,"
      " x text CHECK (x <> ''), twice bigint NOT NULL GENERATED ALWAYS AS (id * 2) STORED);"
      "INSERT INTO t (x) VALUES ('a'), ('b')");
  copy({{.table = "t", .create = {}, .with_row = true}});
  EXPECT_EQ(in_scratch("SELECT count(*) FROM t"), "1");
  EXPECT_EQ(in_scratch("SELECT relpersistence FROM pg_class WHERE oid = 't'::regclass"), "u");
  scratch->reset();
  EXPECT_EQ(in_scratch("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(in_scratch("INSERT INTO t (x) VALUES ('c') RETURNING n > 1 AND twice = id * 2"), "t");
  EXPECT_THROW(in_scratch("INSERT INTO t (x) VALUES ('')"), Error);
  EXPECT_EQ(sql("SELECT count(*) || ' ' || (SELECT last_value FROM t_id_seq) FROM t"), "2 2");
  scratch.reset();
  EXPECT_EQ(schemas(), "0");
}

TEST_F(ScratchSchemaTest, KeepsForeignKeysAndTheRowsThatARowRefersTo) {
  sql("CREATE TABLE place (a int, b text, PRIMARY KEY (a, b)); INSERT INTO place VALUES (1, 'x'), "
      "(2, 'y');"
      "CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node, a int, b text,"
      " FOREIGN KEY (a, b) REFERENCES place ON DELETE CASCADE);"
      "INSERT INTO node VALUES (1, NULL, 2, 'y'), (2, 1, NULL, NULL), (3, 2, NULL, NULL);"
      "CREATE VIEW last AS SELECT 1; CREATE TABLE leaf (node int REFERENCES node);"
      "INSERT INTO leaf VALUES (3)");
  copy({{.table = "leaf", .create = {}, .with_row = true}});
  scratch->reset();
  EXPECT_EQ(in_scratch("SELECT count(*) FROM leaf"), "0");
  EXPECT_EQ(in_scratch("SELECT string_agg(id::text, ',' ORDER BY id) FROM node"), "1,2,3");
  EXPECT_EQ(in_scratch("SELECT string_agg(a || b, ',') FROM place"), "2y");
  EXPECT_EQ(code_of([&] { in_scratch("INSERT INTO leaf VALUES (4)"); }),
            ErrorCode::kRecordRejected);
  in_scratch("INSERT INTO leaf VALUES (3); DELETE FROM leaf; DELETE FROM node; DELETE FROM place");
  scratch->reset();
  EXPECT_EQ(in_scratch("SELECT count(*) FROM node"), "3");
  EXPECT_EQ(sql("SELECT (SELECT count(*) FROM node) || ' ' || (SELECT count(*) FROM place)"),
            "3 2");
}

TEST_F(ScratchSchemaTest, TakesOutTheRowThatARecordIsMadeOfAlsoWhereAnotherRefersToIt) {
  sql("CREATE TABLE channel (id int PRIMARY KEY); INSERT INTO channel VALUES (1);"
      "CREATE TABLE video (channel int REFERENCES channel); INSERT INTO video VALUES (1)");
  copy({{.table = "video", .create = {}, .with_row = true},
        {.table = "channel", .create = {}, .with_row = true}});
  scratch->reset();
  EXPECT_EQ(in_scratch("SELECT count(*) FROM channel"), "0");
}

TEST_F(ScratchSchemaTest, RunsNothingOfTheUsers) {
  sql("CREATE TABLE seen (n int); CREATE SEQUENCE s;"
      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen"
      " VALUES (1); RETURN new; END $$;"
      "CREATE FUNCTION next_id() RETURNS text LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (2)"
      " RETURNING 'id' $$;"
      "CREATE TABLE t (id text PRIMARY KEY DEFAULT next_id(), n text DEFAULT 'x' || nextval('s'));"
      "INSERT INTO t VALUES ('a');"
      "CREATE TRIGGER noted AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note()");
  copy({{.table = "t", .create = {}, .with_row = true}});
  scratch->reset();
  EXPECT_EQ(in_scratch("INSERT INTO t (id) VALUES ('b') RETURNING n IS NULL"), "t");
  EXPECT_EQ(sql("SELECT count(*) FROM seen"), "0");
  EXPECT_EQ(sql("SELECT last_value FROM s"), "1");
  EXPECT_THAT(scratch->with_triggers(), testing::ElementsAre("t"));
}

TEST_F(ScratchSchemaTest, MakesATableThatIsMissing) {
  copy({{.table = "t",
         .create = "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE t (id bigserial PRIMARY KEY,"
                   " m mood DEFAULT 'good'); CREATE INDEX ON t (m)",
         .with_row = true},
        {.table = "none", .create = {}}});
  scratch->reset();
  EXPECT_EQ(in_scratch("INSERT INTO t DEFAULT VALUES RETURNING m"), "good");
  EXPECT_EQ(scratch->name_of("none"), "");
  EXPECT_EQ(sql("SELECT to_regclass('t') IS NULL AND to_regtype('mood') IS NULL"), "t");
}

TEST_F(ScratchSchemaTest, MakesNothingElsewhere) {
  sql("CREATE TABLE other (n int)");
  for (const char* create : {"CREATE TABLE public.t (id int PRIMARY KEY)",
                             "CREATE TABLE t (id int); INSERT INTO other VALUES (1)",
                             "CREATE TABLE t (id int); CREATE TABLE public.x (id int)"}) {
    EXPECT_EQ(code_of([&] { copy({{.table = "t", .create = create, .with_row = true}}); }),
              ErrorCode::kConfiguration)
        << create;
    scratch.reset();
  }
  EXPECT_EQ(sql("SELECT to_regclass('public.t') IS NULL AND to_regclass('public.x') IS NULL AND"
                " NOT EXISTS (SELECT FROM other)"),
            "t");
  EXPECT_EQ(schemas(), "0");
}

TEST_F(ScratchSchemaTest, TellsTablesOfOneNameApart) {
  sql("CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (x int); CREATE TABLE b.t (y int)");
  copy({{.table = "a.t", .create = {}}, {.table = "b.t", .create = {}}});
  EXPECT_EQ(in_scratch("SELECT column_name FROM information_schema.columns WHERE table_name = '" +
                       scratch->name_of("b.t") + "' AND table_schema = '" + scratch->name() + "'"),
            "y");
  EXPECT_NE(scratch->name_of("a.t"), scratch->name_of("b.t"));
}

TEST_F(ScratchSchemaTest, RemovesWhatWasLeftBehindAndNothingThatIsInUse) {
  sql("CREATE SCHEMA holdfast_selftest_0123456789abcdef; CREATE SCHEMA holdfast_selftest_mine");
  ScratchSchema used(url(), {});
  copy({});
  EXPECT_EQ(schemas(), "3");  // two in use, and one that is somebody's
  EXPECT_EQ(sql("SELECT to_regnamespace('holdfast_selftest_0123456789abcdef') IS NULL"), "t");
}

TEST_F(ScratchSchemaTest, IsRemovedAlsoWhereTheConnectionWasLost) {
  copy({});
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
      " AND datname = current_database()");
  scratch->remove();
  EXPECT_EQ(schemas(), "0");
}

TEST_F(ScratchSchemaTest, SaysWhichRightIsMissing) {
  sql("CREATE ROLE nobody_" + database + " LOGIN");
  const std::string as_nobody = url() + "&user=nobody_" + database;
  try {
    const ScratchSchema refused(as_nobody, {});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_THAT(std::string(error.next()),
                HasSubstr("GRANT CREATE ON DATABASE " + database + " TO nobody_" + database));
  }
}

TEST_F(ScratchSchemaTest, WritingIsRefusedWhereARightIsMissing) {
  const std::string role = "writer_" + database;
  sql("CREATE ROLE " + role + " LOGIN; CREATE TABLE t (x int); GRANT SELECT, INSERT ON t TO " +
      role);
  const Address address(url() + "&user=" + role);
  const std::vector<std::string> tables{"t", "none"}, own{"_holdfast_writes"};
  EXPECT_THAT(
      message_of(ErrorCode::kPermissionDenied, [&] { expect_writable(address, {}, tables, own); }),
      HasSubstr("UPDATE on t"));
  sql("GRANT UPDATE (x) ON t TO " + role);
  EXPECT_THAT(
      message_of(ErrorCode::kPermissionDenied, [&] { expect_writable(address, {}, tables, own); }),
      HasSubstr("CREATE on SCHEMA public"));
  sql("GRANT CREATE ON SCHEMA public TO " + role);
  expect_writable(address, {}, tables, own);
  sql("CREATE TABLE _holdfast_writes (x int); GRANT SELECT, INSERT, UPDATE ON _holdfast_writes "
      "TO " +
      role);
  EXPECT_THAT(
      message_of(ErrorCode::kPermissionDenied, [&] { expect_writable(address, {}, tables, own); }),
      HasSubstr("DELETE"));
  sql("ALTER ROLE " + role + " SET default_transaction_read_only = on");
  EXPECT_EQ(code_of([&] { expect_writable(address, {}, tables, own); }), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace holdfast::postgres
