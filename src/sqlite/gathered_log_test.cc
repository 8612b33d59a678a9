#include "sqlite/gathered_log.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <random>

#include "sqlite/connection.h"
#include "sqlite/row_store.h"
#include "sqlite/statement.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using namespace std::chrono_literals;

// How often this process has asked the system to write.
long written_pieces() {
  std::ifstream counts("/proc/self/io");
  for (std::string name, value; counts >> name >> value;) {
    if (name == "syscw:") return std::stol(value);
  }
  ADD_FAILURE() << "the system does not count";
  return 0;
}

std::string number_of(const Connection& connection, const char* sql) {
  Statement statement(connection.get(), sql);
  EXPECT_EQ(sqlite3_step(statement.get()), SQLITE_ROW);
  return statement.text(0);
}

constexpr char kContent[] = "SELECT count(*) || ' ' || total(n) || ' ' || total(length(b)) FROM t";

class GatheredLogTest : public testing::Test {
 protected:
  GatheredLogTest() {
    run_sql(path, "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)");
  }
  Connection open(const char* vfs) const {
    Connection connection(path, Access::kReadWrite, 10s, vfs);
    connection.execute("PRAGMA synchronous = FULL");
    return connection;
  }
  static std::string rows(int count, int size) {
    return fmt::format(
        "WITH RECURSIVE i(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM i WHERE n < {}) "
        "INSERT INTO t (b) SELECT randomblob({}) FROM i",
        count, size);
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "app.db";
};

TEST_F(GatheredLogTest, WritesTheFramesOfACommitInFewPieces) {
  std::vector<long> pieces;
  for (const char* vfs : {static_cast<const char*>(nullptr), gathered_log_vfs()}) {
    const Connection connection = open(vfs);
    connection.execute(rows(1, 10).c_str());  // opens the log
    const long before = written_pieces();
    connection.execute(rows(200, 2000).c_str());
    pieces.push_back(written_pieces() - before);
  }
  EXPECT_GT(pieces[0], 200);
  EXPECT_LT(pieces[1], 12);
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM t"), "402");
  EXPECT_EQ(run_sql(path, "PRAGMA integrity_check"), "ok");
}

// Whatever is done, others see each commit, and a copy of the files at that moment holds it too.
TEST_F(GatheredLogTest, HidesNoCommitFromAnybody) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto below = [&](int end) {
    return static_cast<int>(random() % static_cast<unsigned>(end));
  };
  RowStore writer(path, {.busy_timeout = 10s});
  const Connection other = open(nullptr);
  const auto commit = [&](const std::string& sql) {
    writer.begin();
    writer.run(sql);
    writer.commit();
  };
  const Path copy = directory / "copy.db";
  for (int round = 0; round < 150; ++round) {
    // With a cache that small, the log is written and read before the commit.
    writer.run(fmt::format("PRAGMA cache_size = {}", below(2) == 0 ? 5 : 2000));
    switch (below(8)) {
      case 0:
        other.execute(rows(1 + below(5), 1 + below(5000)).c_str());
        break;
      case 1:
        if (below(2) == 0) {
          writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
        } else {
          other.execute("PRAGMA wal_checkpoint(PASSIVE)");
        }
        break;
      case 2:
        writer.begin();
        writer.run(rows(1 + below(400), 1000));
        if (below(2) == 0) writer.run("UPDATE t SET b = randomblob(500) WHERE n % 3 = 0");
        writer.rollback();
        break;
      case 3:
        commit("SAVEPOINT s;" + rows(1 + below(200), 2000) + "; ROLLBACK TO s;" + rows(3, 100));
        break;
      case 4:
        commit(fmt::format("DELETE FROM t WHERE n % {} = 0", 2 + below(5)));
        break;
      default:
        commit(rows(1 + below(100), 1 + below(3000)));
        break;
    }
    const std::string seen = number_of(other, kContent);
    ASSERT_EQ(std::to_string(writer.count(
                  {.table = "t", .columns = {}, .conditions = {}, .order = {}, .limit = {}})),
              seen.substr(0, seen.find(' ')));
    if (below(5) != 0) continue;
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(path.string() + "-wal", copy.string() + "-wal",
                               std::filesystem::copy_options::overwrite_existing);
    ASSERT_EQ(run_sql(copy, kContent), seen);
    ASSERT_EQ(run_sql(copy, "PRAGMA integrity_check"), "ok");
    std::filesystem::remove(copy);
  }
}

TEST_F(GatheredLogTest, FailsTheCommitThatTheDiskDoesNotTake) {
  ::signal(SIGXFSZ, SIG_IGN);
  const Connection writer = open(gathered_log_vfs());
  writer.execute(rows(10, 1000).c_str());
  const std::string before = number_of(writer, kContent);
  rlimit usual{};
  ::getrlimit(RLIMIT_FSIZE, &usual);
  rlimit small = usual;
  small.rlim_cur = 100'000;
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(writer.execute(rows(100, 3000).c_str()), Error);
  ::setrlimit(RLIMIT_FSIZE, &usual);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(run_sql(path, kContent), before);
  writer.execute(rows(100, 3000).c_str());
  EXPECT_EQ(run_sql(path, "SELECT count(*) FROM t"), "110");
  EXPECT_EQ(run_sql(path, "PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace holdfast::sqlite
