#include "sqlite/database_difference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "sqlite/connection.h"
#include "sqlite/page_source.h"
#include "sqlite/statement.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

// Everything that was told, as text.
class Told final : public DifferenceSink {
 public:
  void schema(const SchemaDifference& difference) override {
    lines.push_back(fmt::format("{}{} {} {}", difference.before ? '-' : ' ',
                                difference.after ? '+' : ' ', difference.type, difference.name));
  }
  void row(const ComparedTable& table, const RowDifference& row) override {
    const char sign = row.change == RowChange::kInserted  ? '+'
                      : row.change == RowChange::kDeleted ? '-'
                                                          : '~';
    std::string line = fmt::format("{} {}", sign, table.name);
    for (const Value& value : row.key) line += " " + text(value);
    for (const std::size_t i : row.changed) {
      line += fmt::format(" {}:{}>{}", table.columns[i], text(row.before[i]), text(row.after[i]));
    }
    lines.push_back(line);
  }
  void finished(const ComparedTable& table, const RowCounts&) override {
    if (!table.skipped.empty()) lines.push_back("? " + table.name);
  }

  static std::string text(const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
    if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:#}", *real);
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* blob = std::get_if<Bytes>(&value)) return "x" + to_hex(*blob);
    return "NULL";
  }

  std::vector<std::string> lines;
};

class DatabaseDifferenceTest : public testing::Test {
 protected:
  Path before() const { return directory / "before.db"; }
  Path after() const { return directory / "after.db"; }
  void copy() const {
    std::filesystem::copy_file(before(), after(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  // `now` is what happens to a copy of what `schema` made.
  void make(const std::string& schema, const std::string& now) const {
    run_sql(before(), schema);
    copy();
    run_sql(after(), now);
  }
  std::vector<std::string> difference(const std::vector<std::string>& tables = {}) {
    const auto one = open_page_source(before()), other = open_page_source(after());
    one->advance();
    other->advance();
    Told told;
    DifferenceOptions options;
    options.tables = tables;
    options.threads = 2;
    summary = compare_databases(*one, *other, options, told, no_progress());
    return told.lines;
  }

  env::TemporaryDirectory directory;
  DifferenceSummary summary;
};

using Lines = std::vector<std::string>;

constexpr char kThousand[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) ";

TEST_F(DatabaseDifferenceTest, TellsInsertedChangedAndDeletedRows) {
  make(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 3)",
      "UPDATE t SET v = 'c' WHERE id = 2; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (9, 9)");
  EXPECT_EQ(difference(), (Lines{"- t 1", "~ t 2 v:b>c", "+ t 9"}));
  EXPECT_EQ(summary.rows, (RowCounts{.inserted = 1, .changed = 1, .deleted = 1}));
  EXPECT_TRUE(summary.differs());
}

TEST_F(DatabaseDifferenceTest, FindsNothingInACopyOrAfterVacuum) {
  make(std::string("CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE INDEX i ON t (v);") +
           kThousand +
           "INSERT INTO t SELECT i, randomblob(2000) FROM n; DELETE FROM t WHERE id < 500",
       "VACUUM");
  EXPECT_EQ(difference(), Lines{});
  run_sql(after(), "PRAGMA page_size = 1024; VACUUM");
  EXPECT_EQ(difference(), Lines{});
  EXPECT_FALSE(summary.differs());
}

TEST_F(DatabaseDifferenceTest, SeesAChangeThatTouchesOverflowPagesOnly) {
  // Of the same size, so that SQLite writes over the pages of the chain in place.
  make(std::string("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);") + kThousand +
           "INSERT INTO t SELECT i, zeroblob(20000) FROM n",
       "CREATE TEMP TABLE x AS SELECT 1");
  {
    const Connection connection(after(), Access::kReadWrite, std::chrono::milliseconds(50));
    sqlite3_blob* blob = nullptr;
    ASSERT_EQ(sqlite3_blob_open(connection.get(), "main", "t", "v", 500, 1, &blob), SQLITE_OK);
    sqlite3_blob_write(blob, "!", 1, 15'000);
    sqlite3_blob_close(blob);
  }
  const Lines lines = difference();
  ASSERT_EQ(lines.size(), 1);
  EXPECT_TRUE(lines[0].starts_with("~ t 500 v:x00")) << lines[0].substr(0, 40);
}

TEST_F(DatabaseDifferenceTest, ComparesTypesAndBytes) {
  make(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
      "INSERT INTO t VALUES (1, 1), (2, 'a'), (3, NULL), (4, 1.5), (5, x''), (6, 'b')",
      "UPDATE t SET v = 1.0 WHERE id = 1; UPDATE t SET v = x'61' WHERE id = 2;"
      "UPDATE t SET v = NULL WHERE id = 3; UPDATE t SET v = 1.5 WHERE id = 4;"
      "UPDATE t SET v = '' WHERE id = 5; UPDATE t SET v = 'b' || char(0) WHERE id = 6");
  EXPECT_EQ(difference(), (Lines{"~ t 1 v:1>1.0", "~ t 2 v:a>x61", "~ t 5 v:x>",
                                 "~ t 6 v:b>b" + std::string(1, '\0')}));
}

TEST_F(DatabaseDifferenceTest, TellsRowsApartByTheirPrimaryKeyWhateverTheirRowids) {
  make("CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
       "REPLACE INTO t VALUES ('a', 1), ('b', 20); UPDATE t SET k = 'd' WHERE k = 'c'");
  EXPECT_EQ(difference(), (Lines{"~ t b v:2>20", "- t c", "+ t d"}));
}

TEST_F(DatabaseDifferenceTest, TakesAKeyOfOtherCaseForAnotherKey) {
  make("CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE, v); INSERT INTO t VALUES ('a', 1)",
       "UPDATE t SET k = 'A'");
  EXPECT_EQ(difference(), (Lines{"- t a", "+ t A"}));
}

TEST_F(DatabaseDifferenceTest, TellsRowsWithoutAKeyApartByTheirRowids) {
  make(
      "CREATE TABLE t (v); CREATE TABLE u (k TEXT PRIMARY KEY, v);"
      "INSERT INTO t VALUES (1), (1), (2); INSERT INTO u VALUES (NULL, 1), (NULL, 2)",
      "DELETE FROM t WHERE rowid = 1; UPDATE u SET v = 3 WHERE rowid = 2");
  EXPECT_EQ(difference(), (Lines{"- t 1", "~ u NULL v:2>3"}));
}

TEST_F(DatabaseDifferenceTest, ComparesTablesWithoutRowidByKey) {
  make(std::string("CREATE TABLE t (a INT, b TEXT, v, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;"
                   "CREATE TABLE same (a PRIMARY KEY, v) WITHOUT ROWID;") +
           kThousand + "INSERT INTO t SELECT i, i % 7, randomblob(300) FROM n;" + kThousand +
           "INSERT INTO same SELECT i, randomblob(300) FROM n",
       "UPDATE t SET v = 1 WHERE a = 500; DELETE FROM t WHERE a = 7; INSERT INTO t VALUES (0, 'x', "
       "1)");
  Lines lines = difference();
  for (std::string& line : lines) line = line.substr(0, 12);
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (Lines{"+ t x 0", "- t 0 7", "~ t 3 500 v:"}));
}

TEST_F(DatabaseDifferenceTest, TellsWhatIsDifferentInTheSchema) {
  make(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE gone (a); CREATE VIEW w AS SELECT "
      "1;"
      "CREATE INDEX i ON t (v); INSERT INTO t VALUES (1, 1), (2, 2); INSERT INTO gone VALUES (5)",
      "ALTER TABLE t ADD COLUMN more DEFAULT 7; DROP TABLE gone; DROP VIEW w; DROP INDEX i;"
      "CREATE INDEX i ON t (more); CREATE TRIGGER g DELETE ON t BEGIN SELECT 1; END;"
      "CREATE TABLE came (a PRIMARY KEY); INSERT INTO came VALUES ('x'); UPDATE t SET v = 3 WHERE "
      "id = 2;"
      "PRAGMA user_version = 4");
  EXPECT_EQ(difference(), (Lines{"-+ setting user_version", " + table came", "-  table gone",
                                 "-+ table t", "-+ index i", "-  view w", " + trigger g",
                                 "+ came x", "- gone 1", "~ t 2 v:2>3"}));
  EXPECT_EQ(difference({"T"}), (Lines{"-+ table t", "-+ index i", " + trigger g", "~ t 2 v:2>3"}));
}

TEST_F(DatabaseDifferenceTest, RefusesToCompareRowsWhoseKeysAreOthers) {
  run_sql(before(), "CREATE TABLE t (a PRIMARY KEY, b)");
  run_sql(after(), "CREATE TABLE t (a, b PRIMARY KEY)");
  EXPECT_EQ(difference(), (Lines{"-+ table t", "? t"}));
  EXPECT_EQ(summary.skipped, 1);
}

TEST_F(DatabaseDifferenceTest, RefusesATableThatNeitherHas) {
  make("CREATE TABLE t (a)", "");
  EXPECT_EQ(code_of([&] { difference({"u"}); }), ErrorCode::kNotFound);
}

TEST_F(DatabaseDifferenceTest, ReadsWhatIsInTheLogOnly) {
  make(
      "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
      "INSERT INTO t VALUES (1, 1)",
      "");
  OtherConnection writer(after());
  writer.run("INSERT INTO t VALUES (2, 2)");
  EXPECT_EQ(difference(), (Lines{"+ t 2"}));
}

TEST_F(DatabaseDifferenceTest, CanBeInterruptedWhileNothingDiffers) {
  make(std::string("CREATE TABLE t (id INTEGER PRIMARY KEY, v);") + kThousand +
           "INSERT INTO t SELECT i, i FROM n; INSERT INTO t SELECT id + 1000, v FROM t",
       "PRAGMA page_size = 1024; VACUUM");
  class Interrupted final : public Progress {
   public:
    void stage(std::string_view, std::uint64_t) override {}
    void advance(std::uint64_t) override {
      // The first time is before the table.
      if (calls++ > 0) throw Error(ErrorCode::kInterrupted, "interrupted");
    }
    void notice(std::string_view) override {}
    void warning(std::string_view) override {}
    int calls = 0;
  };
  const auto one = open_page_source(before()), other = open_page_source(after());
  one->advance();
  other->advance();
  Told told;
  Interrupted progress;
  EXPECT_EQ(code_of([&] { compare_databases(*one, *other, {}, told, progress); }),
            ErrorCode::kInterrupted);
}

// Rows by key, of both: what a comparison must tell.
using Rows = std::map<std::string, std::string>;
Rows rows_of(const Path& path, const std::string& table, const std::string& key) {
  Rows rows;
  const Connection connection(path, Access::kReadOnly, std::chrono::milliseconds(50));
  Statement statement(connection.get(), fmt::format("SELECT {}, v, w FROM {}", key, table));
  while (statement.step()) rows[statement.text(0)] = statement.text(1) + "|" + statement.text(2);
  return rows;
}
Lines expected(const Path& before, const Path& after, const std::string& table,
               const std::string& key) {
  const Rows one = rows_of(before, table, key), other = rows_of(after, table, key);
  Lines lines;
  for (const auto& [name, row] : one) {
    const auto found = other.find(name);
    if (found == other.end()) lines.push_back(fmt::format("- {} {}", table, name));
    if (found != other.end() && found->second != row) {
      lines.push_back(fmt::format("~ {} {}", table, name));
    }
  }
  for (const auto& [name, row] : other) {
    if (!one.contains(name)) lines.push_back(fmt::format("+ {} {}", table, name));
  }
  std::ranges::sort(lines);
  return lines;
}

class RandomDifferenceTest : public DatabaseDifferenceTest,
                             public testing::WithParamInterface<int> {};

TEST_P(RandomDifferenceTest, TellsWhatAComparisonOfAllRowsTells) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  const std::map<std::string, std::string> keys{
      {"a", "id"}, {"b", "k"}, {"c", "rowid"}, {"d", "k"}};
  const std::vector<int> sizes{512, 1024, 4096, 65536};
  run_sql(before(), fmt::format("PRAGMA page_size = {}; PRAGMA auto_vacuum = {};"
                                "CREATE TABLE a (id INTEGER PRIMARY KEY, v, w);"
                                "CREATE TABLE b (k TEXT PRIMARY KEY, v, w);"
                                "CREATE TABLE c (v, w);"
                                "CREATE TABLE d (k PRIMARY KEY, v, w) WITHOUT ROWID;"
                                "CREATE INDEX e ON b (v)",
                                sizes[static_cast<std::size_t>(pick(4))], pick(3)));
  const auto size = [&] { return pick(8) == 0 ? pick(30'000) : pick(200); };
  const auto fill = [&](int from, int count) {
    std::string sql = "BEGIN;";
    for (int i = from; i < from + count; ++i) {
      sql += fmt::format(
          "INSERT INTO a VALUES ({0}, hex(zeroblob({1})), {0});"
          "INSERT INTO b VALUES ('k{2}', hex(zeroblob({3})), {0});"
          "INSERT INTO c VALUES (hex(zeroblob({4})), {0});"
          "INSERT INTO d VALUES ('k{2}', hex(zeroblob({5})), {0});",
          i * 3 - 500, size(), i * 7919 % 10'007, size(), size(), size());
    }
    return sql + "COMMIT;";
  };
  run_sql(before(), fill(0, 300));
  run_sql(before(), "DELETE FROM a WHERE id % 5 = 0; DELETE FROM d WHERE w % 5 = 0");
  copy();
  for (int round = 0; round < 6; ++round) {
    std::string sql;
    for (const auto& [table, key] : keys) {
      const std::string some = fmt::format(
          "{0} IN (SELECT {0} FROM {1} ORDER BY random() LIMIT {2})", key, table, pick(5));
      switch (pick(5)) {
        case 0:
          sql += fmt::format("DELETE FROM {} WHERE {};", table, some);
          break;
        case 1:
          sql += fmt::format("UPDATE {} SET v = hex(zeroblob({})) WHERE {};", table, size(), some);
          break;
        case 2:  // of the same size
          sql += fmt::format("UPDATE {} SET v = replace(v, '0', '{}') WHERE {};", table, pick(9),
                             some);
          break;
        case 3:
          sql += fmt::format("UPDATE {} SET v = substr(v, 1, length(v) - 1) || '!' WHERE {};",
                             table, some);
          break;
        default:
          break;
      }
    }
    if (pick(3) == 0) sql += fill(300 + round * 20, pick(20));
    if (pick(3) == 0) sql += "REPLACE INTO b SELECT k, v, w + 1 FROM b WHERE w % 17 = 0;";
    if (pick(3) == 0) sql += "REPLACE INTO b SELECT * FROM b WHERE w % 13 = 0;";
    if (pick(9) == 0) sql += "VACUUM;";
    run_sql(after(), sql);
    if (pick(4) == 0)
      run_sql(before(), "PRAGMA incremental_vacuum; UPDATE a SET v = 'y' WHERE id % 97 = 0");

    Lines told = difference();
    for (std::string& line : told) {
      if (line.starts_with('~')) line = line.substr(0, line.find(' ', 4));
    }
    std::ranges::sort(told);
    Lines wanted;
    for (const auto& [table, key] : keys) {
      std::ranges::copy(expected(before(), after(), table, key), std::back_inserter(wanted));
    }
    std::ranges::sort(wanted);
    ASSERT_EQ(told, wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomDifferenceTest, testing::Range(0, 12));

}  // namespace
}  // namespace holdfast::sqlite
