// Backups while another process commits as fast as it can.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/test_protection.h"

namespace holdfast::engine {
namespace {

using repository::Snapshot;

// Commits numbered transactions until it reads a line, then answers how many. Each transaction
// inserts a row that continues a chain of checksums, overwrites one of 97 cells, and leaves free
// pages behind. With two databases each transaction does so in both.
constexpr char kWriter[] = R"python(
import select, sqlite3, sys, time
mode, paths = sys.argv[1], sys.argv[2:]
db = sqlite3.connect(paths[0], isolation_level=None, timeout=60)
db.execute("PRAGMA synchronous=OFF")
schemas = ["main"]
for number, path in enumerate(paths[1:]):
    schemas.append(f"extra{number}")
    db.execute(f"ATTACH '{path}' AS {schemas[-1]}")
for schema in schemas:
    db.execute(f"PRAGMA {schema}.journal_mode={mode}")
    db.execute(f"PRAGMA {schema}.auto_vacuum=INCREMENTAL")
    db.execute(f"CREATE TABLE {schema}.log (i INTEGER PRIMARY KEY, h INTEGER, body BLOB)")
    db.execute(f"CREATE TABLE {schema}.cell (k INTEGER PRIMARY KEY, v INTEGER, pad BLOB)")
    db.execute(f"CREATE TABLE {schema}.scratch (x BLOB)")
    db.execute(f"CREATE TABLE {schema}.state (n INTEGER, h INTEGER)")
    db.execute(f"INSERT INTO {schema}.state VALUES (0, 7)")
    for k in range(97):
        db.execute(f"INSERT INTO {schema}.cell VALUES (?, 0, zeroblob(700))", (k,))
print("ready")
n, h = 0, 7
while not select.select([sys.stdin], [], [], 0)[0]:
    n += 1
    body = b"x" * (n * 7919 % 1500)
    h = (h * 1103515 + n * 12345 + len(body)) % 2147483648
    db.execute("BEGIN IMMEDIATE")
    for schema in schemas:
        db.execute(f"INSERT INTO {schema}.log VALUES (?, ?, ?)", (n, h, body))
        db.execute(f"UPDATE {schema}.cell SET v = ? WHERE k = ?", (n, n % 97))
        db.execute(f"UPDATE {schema}.state SET n = ?, h = ?", (n, h))
        if n % 40 == 0:
            db.execute(f"INSERT INTO {schema}.scratch VALUES (zeroblob(40000))")
        if n % 40 == 20:
            db.execute(f"DELETE FROM {schema}.scratch")
            db.execute(f"PRAGMA {schema}.incremental_vacuum(5)")
    db.execute("COMMIT")
    if n > 20000:  # slow readers are not to chase an ever larger database
        time.sleep(0.01)
sys.stdin.readline()
print(n)
)python";

// How many transactions the database holds; fails the test unless it is exactly the state after
// that many.
int committed_prefix(const std::filesystem::path& path) {
  EXPECT_EQ(run_sql(path, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(run_sql(path,
                    "SELECT count(*) FROM log a LEFT JOIN log b ON b.i = a.i - 1 WHERE a.h <>"
                    "(coalesce(b.h, 7) * 1103515 + a.i * 12345 + length(a.body)) "
                    "% 2147483648"),
            "0");
  EXPECT_EQ(run_sql(path,
                    "SELECT n = (SELECT count(*) FROM log) AND "
                    "n = coalesce((SELECT max(i) FROM log), 0) AND "
                    "h = coalesce((SELECT h FROM log WHERE i = n), 7) FROM state"),
            "1");
  EXPECT_EQ(run_sql(path,
                    "SELECT count(*) FROM cell, state WHERE "
                    "v <> max(0, n - (n - k + 97 * 1000000) % 97)"),
            "0");
  return std::stoi(run_sql(path, "SELECT n FROM state"));
}

class LiveBackupTest : public testing::TestWithParam<std::string> {
 protected:
  int prefix_in(const Snapshot& snapshot, const std::string& name) {
    const auto copy = at.directory / (name + "-restored.db");
    sqlite::write_content(copy, at.restored(snapshot, name));
    const int count = committed_prefix(copy);
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(copy.string() + suffix);
    }
    return count;
  }
  Protection at;
};

TEST_P(LiveBackupTest, EachSnapshotIsOneCommittedState) {
  sqlite::OtherProcess writer(kWriter, {GetParam(), at.database()});
  ASSERT_EQ(writer.receive(), "ready");
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 15; ++i) {
    BackupRequest request = at.request();
    request.longest_view = std::chrono::milliseconds(i % 3 == 0 ? 2 : 200);
    snapshots.push_back(at.back_up(request).snapshot);
  }
  writer.send("stop");
  const int all = std::stoi(writer.receive());
  int last = 0;
  for (const Snapshot& snapshot : snapshots) {
    const int count = prefix_in(snapshot, Protection::kName);
    EXPECT_GE(count, last);
    last = count;
  }
  EXPECT_LE(last, all);
  EXPECT_GT(last, 0) << "the writer never got its turn";
}

TEST_P(LiveBackupTest, SeveralDatabasesBelongToOneMoment) {
  BackupRequest request = at.request();
  request.databases.push_back({.name = "other", .path = at.directory / "other.db"});
  sqlite::OtherProcess writer(kWriter, {GetParam(), at.database(), at.directory / "other.db"});
  ASSERT_EQ(writer.receive(), "ready");
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 10; ++i) snapshots.push_back(at.back_up(request).snapshot);
  writer.send("stop");
  writer.receive();
  for (const Snapshot& snapshot : snapshots) {
    const int ahead = prefix_in(snapshot, Protection::kName) - prefix_in(snapshot, "other");
    // SQLite commits to several logs one after the other; with journals it commits to all at once.
    EXPECT_TRUE(ahead == 0 || (ahead == 1 && GetParam() == "wal")) << ahead;
  }
}

INSTANTIATE_TEST_SUITE_P(Journals, LiveBackupTest, testing::Values("wal", "delete"),
                         [](const auto& journal) { return journal.param; });

}  // namespace
}  // namespace holdfast::engine
