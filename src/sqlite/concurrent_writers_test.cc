// Views taken while other processes write and checkpoint as fast as they can.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdio>
#include <random>

#include "sqlite/test_follower.h"

namespace holdfast::sqlite {
namespace {

using std::chrono::steady_clock;

// Each transaction adds one to each of ten counters and ten to their expected sum, and goes on with
// a chain of hashes: a state that satisfies all three is the one after exactly `n` transactions.
constexpr char kSchema[] = R"py(
CREATE TABLE state(n INTEGER, total INTEGER, chain TEXT);
CREATE TABLE counter(id INTEGER PRIMARY KEY, value INTEGER, filler BLOB);
CREATE TABLE entry(n INTEGER PRIMARY KEY, chain TEXT, filler BLOB) WITHOUT ROWID;
INSERT INTO state VALUES(0, 0, 'start');
INSERT INTO entry VALUES(0, 'start', NULL);
CREATE INDEX by_value ON counter(value);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
  INSERT INTO counter SELECT i, 0, randomblob(400) FROM n;
)py";

constexpr char kWriter[] = R"py(
import hashlib, random, sqlite3, sys, time
path, seed, automatic, pause = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
dice = random.Random(seed)
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute("PRAGMA synchronous=OFF")
db.execute("PRAGMA wal_autocheckpoint=" + automatic)
n, total, chain = db.execute("SELECT * FROM state").fetchone()
print("ready")
while True:
    db.execute("BEGIN IMMEDIATE")
    n, total, chain = n + 1, total + 10, hashlib.sha256((chain + str(n)).encode()).hexdigest()
    ids = dice.sample(range(1, 301), 10)
    filler = dice.randbytes(dice.randrange(3000)) if dice.random() < 0.1 else b""
    db.execute("UPDATE counter SET value = value + 1, filler = ? WHERE id IN (%s)" % ",".join(map(str, ids)), (filler,))
    db.execute("INSERT INTO entry VALUES(?, ?, ?)", (n, chain, filler))
    db.execute("DELETE FROM entry WHERE n < ?", (n - 200,))
    db.execute("UPDATE state SET n=?, total=?, chain=?", (n, total, chain))
    db.execute("COMMIT" if dice.random() < 0.95 else "ROLLBACK")
    if not db.in_transaction:
        n, total, chain = db.execute("SELECT * FROM state").fetchone()
    if pause:
        time.sleep(pause)
)py";

constexpr char kCheckpointer[] = R"py(
import random, sqlite3, sys, threading, time
path, seed, kinds = sys.argv[1], int(sys.argv[2]), sys.argv[3].split()
dice = random.Random(seed)
db = sqlite3.connect(path, isolation_level=None, timeout=60)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
done = refused = slowest = 0
print("ready")
while not stop.is_set():
    kind = dice.choice(kinds)
    began = time.monotonic()
    try:
        refused += db.execute("PRAGMA wal_checkpoint(%s)" % kind).fetchone()[0]
    except sqlite3.OperationalError:
        refused += 1
    slowest = max(slowest, time.monotonic() - began)
    done += 1
    time.sleep(dice.random() * 0.005)
print(done, refused, int(slowest * 1000))
)py";

class ConcurrentWriters : public testing::Test {
 protected:
  void prepare(const std::string& pragmas) {
    run_sql(path, pragmas + kSchema);
    seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
  }
  // The number of transactions in the image, after proving that it is one of those states.
  long proved_prefix(const std::string& image) {
    EXPECT_EQ(ask_image(elsewhere.path(), image, "PRAGMA integrity_check"), "ok");
    const Path copy = elsewhere / "image.db";
    EXPECT_EQ(
        run_sql(copy,
                "SELECT (SELECT sum(value) FROM counter) = total AND total = 10 * n AND"
                " n = (SELECT max(entry.n) FROM entry) AND"
                " chain = (SELECT entry.chain FROM entry WHERE entry.n = state.n) FROM state"),
        "1");
    return std::stol(run_sql(copy, "SELECT n FROM state"));
  }
  // So long at least; on a slow machine until there was enough to judge by.
  bool goes_on(steady_clock::time_point begun, bool enough) const {
    const auto passed = steady_clock::now() - begun;
    return !HasFailure() && passed < (enough ? kDuration : kLongest);
  }
  static constexpr std::chrono::milliseconds kDuration{2500}, kLongest{120'000};

  env::TemporaryDirectory directory, elsewhere;
  const Path path = directory / "a.db";
  unsigned seed = 0;
};

struct Load {
  const char* name;
  const char* automatic_checkpoint;  // frames
  const char* pause;                 // seconds between two transactions
  const char* checkpoints;
};

class ConcurrentLoads : public ConcurrentWriters, public testing::WithParamInterface<Load> {};

// Where the writer never pauses, it is the writer for whose lock a blocking checkpoint waits, and
// its own automatic checkpoint that refuses another. In the other load only the views can be in the
// way.
constexpr Load kFullSpeed{"FullSpeed", "50", "0", "PASSIVE FULL RESTART TRUNCATE"};
constexpr Load kBlocking{"BlockingCheckpoints", "0", "0.001", "FULL RESTART TRUNCATE"};

INSTANTIATE_TEST_SUITE_P(Of, ConcurrentLoads, testing::Values(kFullSpeed, kBlocking),
                         [](const auto& load) { return std::string(load.param.name); });

TEST_P(ConcurrentLoads, NeverShowThroughInAViewOrAreMissedBetweenTwo) {
  const Load& load = GetParam();
  prepare("PRAGMA journal_mode=WAL;");
  SCOPED_TRACE(fmt::format("seed {}", seed));
  OtherProcess writer(kWriter,
                      {path.string(), std::to_string(seed), load.automatic_checkpoint, load.pause});
  OtherProcess checkpointer(kCheckpointer, {path.string(), std::to_string(seed), load.checkpoints});
  EXPECT_EQ(writer.receive(), "ready");
  EXPECT_EQ(checkpointer.receive(), "ready");
  auto source = open_page_source(path);
  Follower follower(*source);
  std::mt19937 random(seed);
  long last = 0;
  int views = 0, followed = 0;
  const auto begun = steady_clock::now();
  while (goes_on(begun, followed > 10 && last > 50)) {
    followed += follower.advance().kind == Change::Kind::kPages ? 1 : 0;
    ++views;
    if (random() % 4 == 0) source->release();
    if (random() % 4 != 0) continue;
    const long prefix = proved_prefix(follower.image());
    EXPECT_GE(prefix, last);
    last = prefix;
  }
  source->release();
  checkpointer.send("stop");
  int done = 0, refused = 0, slowest = 0;
  std::sscanf(checkpointer.receive().c_str(), "%d %d %d", &done, &refused, &slowest);
  fmt::print("{} views, {} followed; {} transactions; {} checkpoints, {} refused, slowest {} ms\n",
             views, followed, last, done, refused, slowest);
  EXPECT_GT(followed, 10);
  EXPECT_GT(last, 50);
  EXPECT_GT(done, 0);
  if (load.pause != kBlocking.pause) return;
  EXPECT_EQ(refused, 0);
  EXPECT_GT(done, 10) << "the views are in the way of checkpoints";
}

TEST_F(ConcurrentWriters, OfARollbackDatabaseTakeTurnsWithViews) {
  prepare("");
  SCOPED_TRACE(fmt::format("seed {}", seed));
  OtherProcess writer(kWriter, {path.string(), std::to_string(seed), "0", "0"});
  EXPECT_EQ(writer.receive(), "ready");
  auto source = open_page_source(path);
  Follower follower(*source);
  long last = 0;
  int views = 0;
  const auto begun = steady_clock::now();
  while (goes_on(begun, views > 5 && last > 50)) {
    follower.advance();
    source->release();
    ++views;
    const long prefix = proved_prefix(follower.image());
    EXPECT_GE(prefix, last);
    last = prefix;
  }
  fmt::print("{} views; {} transactions\n", views, last);
  EXPECT_GT(views, 5);
  EXPECT_GT(last, 50);
}

TEST_F(ConcurrentWriters, ThatOpenAndCloseAllTheTimeLeaveACompleteDatabase) {
  prepare("PRAGMA journal_mode=WAL;");
  constexpr char kVisitor[] = R"py(
import sqlite3, sys, threading
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
visits = 0
while not stop.is_set():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
    db.execute("UPDATE state SET n = n + 1, chain = chain || '.'")
    db.close()
    visits += 1
    if visits == 1:
        print("ready")
print(visits)
)py";
  OtherProcess visitor(kVisitor, {path.string()});
  EXPECT_EQ(visitor.receive(), "ready");
  for (int view = 0; view < 100; ++view) {
    auto source = open_page_source(path);
    source->advance();
    const std::string image = image_of(*source);
    EXPECT_EQ(ask_image(elsewhere.path(), image, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(run_sql(elsewhere / "image.db", "SELECT length(chain) - 5 - n FROM state"), "0");
  }
  visitor.send("stop");
  const std::string visits = visitor.receive();
  visitor.stop(0);
  EXPECT_EQ(run_sql(path, "SELECT n FROM state"), visits);
}

}  // namespace
}  // namespace holdfast::sqlite
