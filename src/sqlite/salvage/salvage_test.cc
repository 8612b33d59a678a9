#include "sqlite/salvage/salvage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kPage = 1024;

class SalvageTest : public ::testing::Test {
 protected:
  Path source() const { return directory_ / "app.db"; }
  Path target() const { return directory_ / "new.db"; }

  std::string sql(const std::string& statements) { return run_sql(source(), statements); }
  std::string ask(const std::string& question) { return run_sql(target(), question); }

  void make(const std::string& statements, const std::string& settings = "") {
    sql("PRAGMA page_size=1024;PRAGMA journal_mode=DELETE;PRAGMA secure_delete=OFF;" + settings +
        ";BEGIN;" + statements + ";COMMIT");
  }

  SalvageReport salvage(const SalvageOptions& options = {}) {
    write_content(target(), "");
    const DamagedImage image = open_damaged_image(source());
    SalvageReport report = sqlite::salvage(image, target(), options, no_progress());
    EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
    return report;
  }

  std::string page(PageNumber number) {
    return file_content(source()).substr((number - 1) * kPage, kPage);
  }
  void overwrite(PageNumber number, std::string content) {
    std::fstream file(source(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((number - 1) * kPage);
    content.resize(kPage);
    file << content;
  }
  void destroy(PageNumber number) { overwrite(number, std::string(kPage, '\xee')); }

  PageNumber root(const std::string& name) {
    return static_cast<PageNumber>(
        std::stoul(sql("SELECT rootpage FROM sqlite_schema WHERE name='" + name + "'")));
  }
  PageNumber pages() {
    return static_cast<PageNumber>(std::filesystem::file_size(source()) / kPage);
  }
  // The pages that begin with this byte, without the first page.
  std::vector<PageNumber> pages_of_type(char type) {
    std::vector<PageNumber> found;
    for (PageNumber number = 2; number <= pages(); ++number) {
      if (page(number).front() == type) found.push_back(number);
    }
    return found;
  }

  env::TemporaryDirectory directory_;
};

constexpr char kLeaf = 0x0d, kIndexLeaf = 0x0a;
constexpr const char* kThousandRows =
    "CREATE TABLE item(id INTEGER PRIMARY KEY, text TEXT NOT NULL, real REAL);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000)"
    "INSERT INTO item SELECT i*5, printf('%080d', i), i/4.0 FROM n";
constexpr const char* kSum = "SELECT count(*)||' '||sum(id)||' '||sum(real) FROM item";

const SalvagedTable& table_of(const SalvageReport& report, const std::string& name) {
  static const SalvagedTable none;
  const auto found = std::ranges::find(report.tables, name, &SalvagedTable::name);
  EXPECT_NE(found, report.tables.end()) << name;
  return found == report.tables.end() ? none : *found;
}

TEST_F(SalvageTest, CopiesAnIntactDatabaseWithAllThatItHas) {
  make(std::string(kThousandRows) +
       ";CREATE UNIQUE INDEX item_text ON item(text);CREATE INDEX item_real ON item(real);"
       "CREATE VIEW big AS SELECT * FROM item WHERE id>2500;CREATE TABLE gone(id);"
       "CREATE TRIGGER noted AFTER DELETE ON item BEGIN INSERT INTO gone VALUES(old.id);END;"
       "PRAGMA user_version=7;PRAGMA application_id=77");
  const SalvageReport report = salvage();
  EXPECT_TRUE(report.is_whole());
  EXPECT_EQ(report.rows(), 1000u);
  EXPECT_EQ(ask(kSum), sql(kSum));
  EXPECT_EQ(ask("PRAGMA user_version"), "7");
  EXPECT_EQ(ask("PRAGMA application_id"), "77");
  EXPECT_EQ(ask("PRAGMA page_size"), "1024");
  EXPECT_EQ(
      ask("SELECT group_concat(type||name) FROM (SELECT * FROM sqlite_schema ORDER BY name)"),
      sql("SELECT group_concat(type||name) FROM (SELECT * FROM sqlite_schema ORDER BY name)"));
  EXPECT_EQ(ask("DELETE FROM item WHERE id=5;SELECT id FROM gone"), "5");
}

TEST_F(SalvageTest, KeepsEveryKindOfValue) {
  make(
      "CREATE TABLE v(a, b);INSERT INTO v VALUES(NULL,0),(1,-1),(127,-128),(32767,-32768),"
      "(8388607,-8388608),(2147483647,-2147483648),(140737488355327,-140737488355328),"
      "(9223372036854775807,-9223372036854775808),(1e999,-0.0),(3.5,-1e-300),('',x''),"
      "('a'||char(0)||'b',x'00ff'),(CAST(x'fffe' AS TEXT),zeroblob(100))");
  salvage();
  const std::string all =
      "SELECT group_concat(typeof(a)||quote(a)||hex(a)||typeof(b)||quote(b)||hex(b)) FROM v";
  EXPECT_EQ(ask(all), sql(all));
}

TEST_F(SalvageTest, LosesOnlyTheRowsOfALeafThatWasOverwritten) {
  make(kThousandRows);
  const PageNumber leaf = pages_of_type(kLeaf).at(40);
  const std::string lost = page(leaf);
  destroy(leaf);
  const SalvageReport report = salvage();
  const std::uint64_t rows = load_be16(as_bytes(lost).data() + 3);
  EXPECT_EQ(table_of(report, "item").pages_lost, 1u);
  EXPECT_EQ(table_of(report, "item").rows, 1000 - rows);
  EXPECT_FALSE(report.is_whole());
  EXPECT_EQ(report.lost_rows, 0u);
}

TEST_F(SalvageTest, RejoinsAllRowsWhenTheRootIsOverwritten) {
  make(kThousandRows);
  const std::string before = sql(kSum);
  destroy(root("item"));
  const SalvageReport report = salvage();
  EXPECT_EQ(ask(kSum), before);
  EXPECT_EQ(table_of(report, "item").rows_rejoined, 1000u);
  EXPECT_EQ(report.lost_rows, 0u);
}

TEST_F(SalvageTest, KeepsATableWholeWhoseRootWasWrittenOverAnotherRootToo) {
  make(std::string("CREATE TABLE first(id INTEGER PRIMARY KEY, text TEXT NOT NULL, real REAL);") +
       kThousandRows);
  const std::string before = sql(kSum);
  overwrite(root("first"), page(root("item")));
  salvage();
  EXPECT_EQ(ask(kSum), before);
}

TEST_F(SalvageTest, TakesWhatIsLeftOfATableThatLostMostOfItsPagesAtTheEndOfTheFile) {
  make(kThousandRows);
  std::filesystem::resize_file(source(), std::uint64_t{pages() / 4} * kPage);
  const SalvageReport report = salvage();
  EXPECT_GT(report.rows(), 200u);
  EXPECT_GT(table_of(report, "item").pages_lost, 50u);
}

TEST_F(SalvageTest, KeepsARowThatDoesNotAddUpOutOfItsTable) {
  make(
      "CREATE TABLE a(id INTEGER PRIMARY KEY, t TEXT, u TEXT);"
      "INSERT INTO a VALUES(1,'one','first'),(2,'two','second')");
  std::string leaf = page(root("a"));
  const std::size_t at = leaf.find("onefirst");
  leaf[at - 1] = static_cast<char>(leaf[at - 1] - 2);  // the last text is shorter by one byte
  overwrite(root("a"), leaf);
  const SalvageReport report = salvage();
  EXPECT_EQ(ask("SELECT group_concat(id) FROM a"), "2");
  EXPECT_EQ(table_of(report, "a").rows_damaged, 1u);
  EXPECT_EQ(ask("SELECT table_name||row_id||c1||c2 FROM lost_and_found"), "a1onefirs");
}

TEST_F(SalvageTest, CallsATableWhatItsStatementCallsIt) {
  make("CREATE TABLE a(x);INSERT INTO a VALUES(1)");
  sql("PRAGMA writable_schema=1;UPDATE sqlite_schema SET name='dmg', tbl_name='dmg'");
  EXPECT_EQ(table_of(salvage(), "a").rows, 1u);
  EXPECT_EQ(ask("SELECT x FROM a"), "1");
}

TEST_F(SalvageTest, PutsRowsThatMayBelongToTwoTablesIntoLostAndFound) {
  make(std::string(kThousandRows) +
       ";CREATE TABLE twin(id INTEGER PRIMARY KEY, text TEXT NOT NULL, real REAL);"
       "INSERT INTO twin SELECT * FROM item");
  destroy(root("item"));
  destroy(root("twin"));
  const SalvageReport report = salvage();
  EXPECT_EQ(report.lost_rows, 2000u);
  EXPECT_EQ(ask("SELECT count(*)||' '||sum(row_id)||' '||max(fields) FROM lost_and_found"),
            "2000 5005000 3");
  EXPECT_EQ(ask("SELECT count(*) FROM item"), "0");
}

TEST_F(SalvageTest, TellsTwoTablesApartByTheirPointerMap) {
  make(std::string(kThousandRows) +
           ";CREATE TABLE twin(id INTEGER PRIMARY KEY, text TEXT NOT NULL, real REAL);"
           "INSERT INTO twin SELECT id, text, -real FROM item",
       "PRAGMA auto_vacuum=1");
  const std::string before = sql(kSum);
  destroy(root("item"));
  destroy(root("twin"));
  const SalvageReport report = salvage();
  EXPECT_EQ(ask(kSum), before);
  EXPECT_EQ(ask("SELECT count(*) FROM twin WHERE real<0"), "1000");
  EXPECT_EQ(report.lost_rows, 0u);
  EXPECT_EQ(ask("PRAGMA auto_vacuum"), "1");
}

constexpr const char* kDroppedTwin =
    ";CREATE TABLE old(id INTEGER PRIMARY KEY, text TEXT NOT NULL, real REAL);"
    "INSERT INTO old SELECT id+100000, text, real FROM item;DROP TABLE old";

TEST_F(SalvageTest, LeavesDeletedRowsAloneUnlessFreePagesAreAskedFor) {
  make(std::string(kThousandRows) + kDroppedTwin);
  EXPECT_TRUE(salvage().is_whole());
  const SalvageReport report = salvage({.free_pages = true});
  EXPECT_GT(report.lost_rows, 900u);
  EXPECT_EQ(ask("SELECT count(*) FROM item"), "1000");
  EXPECT_EQ(ask("SELECT count(*) FROM lost_and_found WHERE row_id<=100000"), "0");
}

TEST_F(SalvageTest, PutsDeletedRowsIntoNoTableWhenTheListOfFreePagesIsLost) {
  make(std::string(kThousandRows) + kDroppedTwin);
  const PageNumber trunk = load_be32(as_bytes(page(1)).data() + 32);
  destroy(trunk);
  destroy(root("item"));
  const SalvageReport report = salvage();
  EXPECT_FALSE(report.free_list_intact);
  EXPECT_EQ(ask("SELECT count(*) FROM item"), "0");
  EXPECT_GE(report.lost_rows, 1900u);
}

TEST_F(SalvageTest, FindsPageSizeAndEncodingWithoutAHeader) {
  for (const char* encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
    std::filesystem::remove(source());
    make(kThousandRows, std::string("PRAGMA encoding='") + encoding + "'");
    overwrite(1, std::string(100, '\0') + page(1).substr(100));
    const SalvageReport report = salvage();
    EXPECT_FALSE(report.header_intact);
    EXPECT_EQ(report.page_size, kPage);
    EXPECT_EQ(report.encoding, encoding);
    EXPECT_EQ(report.rows(), 1000u);
    EXPECT_EQ(ask("SELECT text FROM item WHERE id=5"), std::string(79, '0') + "1");
  }
}

TEST_F(SalvageTest, FindsTheSchemaWhenItsRootIsOverwritten) {
  std::string tables;
  for (int i = 0; i < 60; ++i) {
    const std::string name = "table_with_a_long_name_" + std::to_string(i);
    tables += "CREATE TABLE " + name + "(id INTEGER PRIMARY KEY, value TEXT);INSERT INTO " + name +
              " VALUES(" + std::to_string(i) + ",'v');";
  }
  make(tables + "SELECT 1");
  destroy(1);
  const SalvageReport report = salvage();
  EXPECT_FALSE(report.schema_complete);
  EXPECT_EQ(report.rows(), 60u);
  EXPECT_EQ(ask("SELECT id FROM table_with_a_long_name_59"), "59");
}

TEST_F(SalvageTest, KeepsTheBeginningOfARowWhoseOverflowPageIsLost) {
  make(
      "CREATE TABLE d(id INTEGER PRIMARY KEY, name TEXT, body TEXT);"
      "INSERT INTO d VALUES(1,'one',printf('%09000d',1)),(2,'two',printf('%09000d',2))");
  const std::string before = sql("SELECT body FROM d WHERE id=2");
  // The chain of the first row comes first in the file.
  PageNumber overflow = root("d") + 3;
  destroy(overflow);
  const SalvageReport report = salvage();
  EXPECT_EQ(table_of(report, "d").rows, 1u);
  EXPECT_EQ(table_of(report, "d").rows_damaged, 1u);
  EXPECT_EQ(report.lost_fragments, 1u);
  EXPECT_EQ(ask("SELECT body FROM d WHERE id=2"), before);
  EXPECT_EQ(ask("SELECT table_name||row_id||c1 FROM lost_and_found"), "d1one");
  EXPECT_EQ(ask("SELECT length(c2) BETWEEN 1000 AND 8000 FROM lost_and_found"), "1");
}

TEST_F(SalvageTest, ReadsLongRowsWholeWhenNothingElseIsKnownOfThem) {
  make(
      "CREATE TABLE d(id INTEGER PRIMARY KEY, body TEXT);"
      "INSERT INTO d VALUES(1,printf('%09000d',1)),(2,printf('%09000d',2))");
  destroy(1);
  const SalvageReport report = salvage();
  EXPECT_EQ(report.lost_fragments, 0u);
  EXPECT_EQ(ask("SELECT group_concat(row_id||length(c1)) FROM lost_and_found"), "19000,29000");
}

TEST_F(SalvageTest, TakesALastPageOfZerosForLostUnlessABlobAccountsForIt) {
  make(
      "CREATE TABLE d(id INTEGER PRIMARY KEY, body);"
      "INSERT INTO d VALUES(1,printf('%01500d',1)),(2,zeroblob(5000))");
  const PageNumber text_overflow = root("d") + 1;
  overwrite(text_overflow, "");
  const SalvageReport report = salvage();
  EXPECT_EQ(ask("SELECT group_concat(id) FROM d"), "2");
  EXPECT_EQ(report.lost_fragments, 1u);
}

TEST_F(SalvageTest, FillsColumnsThatWereAddedLaterWithTheirDefaults) {
  make(
      "CREATE TABLE g(id INTEGER PRIMARY KEY, a TEXT);INSERT INTO g VALUES(1,'x'),(2,'y');"
      "ALTER TABLE g ADD COLUMN b TEXT NOT NULL DEFAULT 'was';ALTER TABLE g ADD COLUMN c;"
      "INSERT INTO g VALUES(3,'z','new',4)");
  salvage();
  const std::string all = "SELECT group_concat(id||a||b||quote(c)) FROM g";
  EXPECT_EQ(ask(all), sql(all));
}

TEST_F(SalvageTest, KnowsGeneratedColumnsAndTablesWithoutRowid) {
  make(
      "CREATE TABLE m(x INTEGER, s INTEGER AS (x*2) STORED, v TEXT AS ('v'||x), y TEXT);"
      "INSERT INTO m(x,y) VALUES(1,'a'),(2,'b');"
      "CREATE TABLE w(v TEXT, s TEXT AS (v||'!') STORED, a TEXT, b INT, PRIMARY KEY(b,a,b))"
      " WITHOUT ROWID;INSERT INTO w(v,a,b) VALUES('one','k',1),('two','j',2)");
  EXPECT_TRUE(salvage().is_whole());
  const std::string all =
      "SELECT (SELECT group_concat(rowid||x||s||v||y) FROM m)||(SELECT "
      "group_concat(v||s||a||b) FROM w)";
  EXPECT_EQ(ask(all), sql(all));
}

TEST_F(SalvageTest, MakesTablesThatCallFunctionsForJson) {
  make(
      "CREATE TABLE document (facts TEXT CHECK (json_valid(facts)), "
      "title TEXT AS (json_extract(facts, '$.title')) STORED);"
      "CREATE INDEX by_kind ON document (facts ->> '$.kind');"
      "INSERT INTO document VALUES ('{\"title\":\"A\",\"kind\":1}')");
  const SalvageReport report = salvage();
  EXPECT_TRUE(report.is_whole());
  EXPECT_EQ(ask("SELECT title FROM document WHERE facts ->> '$.kind' = 1"), "A");
}

TEST_F(SalvageTest, ReadsRowsFromTheInnerPagesOfATableWithoutRowid) {
  make(
      "CREATE TABLE w(k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000)"
      "INSERT INTO w SELECT printf('%040d',i), i FROM n");
  destroy(pages_of_type(kIndexLeaf).at(10));
  const SalvageReport report = salvage();
  EXPECT_EQ(table_of(report, "w").pages_lost, 1u);
  EXPECT_GT(report.rows(), 950u);
  EXPECT_EQ(std::to_string(report.rows()), ask("SELECT count(*) FROM w"));
}

TEST_F(SalvageTest, PutsRowsThatBreakAConstraintIntoLostAndFound) {
  make(
      "CREATE TABLE u(id INTEGER PRIMARY KEY, a INT, b INT CHECK(b<100));"
      "INSERT INTO u VALUES(1,10,1),(2,20,2),(3,20,3);"
      "PRAGMA ignore_check_constraints=1;INSERT INTO u VALUES(4,40,400)");
  // The index is as if the rows had been unique.
  sql("PRAGMA writable_schema=1;INSERT INTO sqlite_schema VALUES('index','u_a','u',99,"
      "'CREATE UNIQUE INDEX u_a ON u(a)')");
  const SalvageReport report = salvage();
  EXPECT_EQ(ask("SELECT group_concat(id) FROM u"), "1,2");
  EXPECT_EQ(table_of(report, "u").rows_refused, 2u);
  EXPECT_EQ(ask("SELECT group_concat(row_id||':'||reason) FROM lost_and_found"),
            "3:UNIQUE constraint failed: u.a,4:CHECK constraint failed: b<100");
}

TEST_F(SalvageTest, TakesTheCommitsOfALogBesideTheFile) {
  make(kThousandRows);
  const Path kept = directory_ / "kept.db";
  sql("PRAGMA journal_mode=WAL");
  {
    OtherConnection writer(source());
    writer.run("PRAGMA wal_autocheckpoint=0");
    writer.run("UPDATE item SET text='from the log' WHERE id<=50");
    writer.run("BEGIN");
    writer.run("DELETE FROM item");
    std::filesystem::copy_file(source(), kept);
    std::filesystem::copy_file(source().string() + "-wal", kept.string() + "-wal");
  }
  write_content(target(), "");
  const DamagedImage image = open_damaged_image(kept);
  const SalvageReport report = sqlite::salvage(image, target(), {}, no_progress());
  EXPECT_GT(report.log_frames, 0u);
  EXPECT_EQ(ask("SELECT count(*) FROM item WHERE text='from the log'"), "10");
  EXPECT_EQ(report.rows(), 1000u);
}

TEST_F(SalvageTest, KeepsTheLargestSequence) {
  make(
      "CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT);INSERT INTO s VALUES(100);"
      "DELETE FROM s;INSERT INTO s VALUES(5)");
  salvage();
  EXPECT_EQ(ask("SELECT name||seq FROM sqlite_sequence"), "s100");
}

TEST_F(SalvageTest, KeepsVirtualTablesAndWhatTheyAreMadeOf) {
  make("CREATE VIRTUAL TABLE f USING fts5(text);INSERT INTO f VALUES('one two'),('two three')");
  salvage();
  EXPECT_EQ(ask("SELECT count(*) FROM f WHERE f MATCH 'two'"), "2");
}

TEST_F(SalvageTest, RunsNothingFromTheSchemaButWhatItSaysItMakes) {
  make("CREATE TABLE good(x);INSERT INTO good VALUES(1)");
  const std::string victim = (directory_ / "victim.db").string();
  sql("PRAGMA writable_schema=1;"
      "INSERT INTO sqlite_schema VALUES('table','evil','evil',0,"
      "'CREATE TABLE evil(x);ATTACH ''" +
      victim +
      "'' AS v'),"
      "('table','other','other',0,'CREATE TABLE good2(x)'),"
      "('table','copy','copy',0,'CREATE TABLE copy AS SELECT * FROM good'),"
      "('table','calls','calls',0,'CREATE TABLE calls(x CHECK (load_extension(x)))'),"
      "('table','asks','asks',0,'CREATE TABLE asks(x CHECK (rtreecheck(x)))'),"
      "('table','virt','virt',0,'CREATE VIRTUAL TABLE good USING fts5(x)')");
  const SalvageReport report = salvage();
  EXPECT_EQ(ask("SELECT group_concat(name) FROM sqlite_schema"), "good,good2");
  EXPECT_EQ(table_of(report, "good").rows, 1u);
  for (const char* name : {"evil", "calls", "asks"}) {
    EXPECT_FALSE(table_of(report, name).problem.empty()) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(victim));
}

TEST_F(SalvageTest, RefusesWhatHoldsNoPageOfADatabase) {
  write_content(source(), std::string(100000, 'x'));
  EXPECT_EQ(code_of([&] { salvage(); }), ErrorCode::kNotADatabase);
  write_content(source(), "");
  EXPECT_EQ(code_of([&] { salvage(); }), ErrorCode::kDatabaseEmpty);
  std::filesystem::remove(source());
  EXPECT_EQ(code_of([&] { salvage(); }), ErrorCode::kDatabaseMissing);
}

TEST_F(SalvageTest, GivesTheSameDatabaseEachTime) {
  make(kThousandRows);
  destroy(7);
  salvage();
  const std::string first = file_content(target());
  salvage();
  EXPECT_EQ(first, file_content(target()));
}

// Is told to end when the indexes are made.
class EndsAtIndexes final : public Progress {
 public:
  void stage(std::string_view name, std::uint64_t) override { ends_ = name == "Making indexes"; }
  void advance(std::uint64_t) override {
    if (ends_) throw Error(ErrorCode::kInterrupted, "told to end");
  }
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}

 private:
  bool ends_ = false;
};

TEST_F(SalvageTest, CanBeInterruptedWhileAnIndexIsMade) {
  make(
      "CREATE TABLE t(x);CREATE INDEX i ON t(x);WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
      "i+1 FROM n WHERE i<200000) INSERT INTO t SELECT i*7919%200003 FROM n");
  write_content(target(), "");
  const DamagedImage image = open_damaged_image(source());
  EndsAtIndexes progress;
  EXPECT_EQ(code_of([&] { sqlite::salvage(image, target(), {}, progress); }),
            ErrorCode::kInterrupted);
}

// Whatever bytes are damaged: it ends, the new database is sound, and no row is in the table that
// never was.
TEST_F(SalvageTest, InventsNoRowsWhateverIsDamaged) {
  const std::uint64_t seed =
      ::testing::UnitTest::GetInstance()->random_seed() != 0
          ? static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed())
          : 20261121u;
  make(kThousandRows);
  const std::string whole = file_content(source());
  for (std::uint64_t round = 0; round < 40; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed + round));
    std::mt19937_64 random(seed + round);
    std::string damaged = whole;
    for (int i = 0; i < 6; ++i) {
      const std::size_t at = random() % whole.size(),
                        size = std::min<std::size_t>(random() % 3000, whole.size() - at);
      const bool zeros = random() % 2 == 0;
      std::generate_n(damaged.begin() + static_cast<std::ptrdiff_t>(at), size,
                      [&] { return zeros ? '\0' : static_cast<char>(random()); });
    }
    write_content(source(), damaged);
    const SalvageReport report = salvage();
    EXPECT_GT(report.rows() + report.lost_rows, 600u);
    // Its very name may be damaged.
    if (ask("SELECT count(*) FROM sqlite_schema WHERE name='item'") == "0") continue;
    EXPECT_EQ(ask("SELECT count(*) FROM item WHERE rowid%5<>0 OR rowid>5000"), "0");
  }
}

}  // namespace
}  // namespace holdfast::sqlite
