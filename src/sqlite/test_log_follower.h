// An image of a database kept up to date by looks at its log alone.
#ifndef HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_
#define HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sqlite/log_files.h"
#include "sqlite/test_database.h"
#include "sqlite/wal_follower.h"

namespace holdfast::sqlite {

inline std::string whole_image(const Path& path) {
  const auto source = open_page_source(path);
  source->advance();
  return image_of(*source);
}

class LogFollower {
 public:
  explicit LogFollower(const Path& path) : wal(path), path_(path) {}

  // Follows, and reads the whole database meanwhile; what is committed while it is read is looked
  // at too, and lies over it in the end.
  bool begin() {
    for (int i = 0; i < 100; ++i) {
      if (!wal.begin()) return false;
      auto whole = std::async(std::launch::async, [&] { return whole_image(path_); });
      std::vector<Look> looks;
      while (whole.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
        if (Look look = wal.look(kMostBytes); look.kind != Look::Kind::kNothing) {
          looks.push_back(std::move(look));
        }
      }
      image_ = whole.get();
      for (const Look& look : looks) {
        if (look.kind == Look::Kind::kCommits) apply(look);
      }
      if (wal.is_following()) return true;
    }
    return false;
  }
  // Looks once, and lays what it got over the image.
  Look look(std::size_t most_bytes = kMostBytes) {
    Look look = wal.look(most_bytes);
    if (look.kind == Look::Kind::kCommits) apply(look);
    return look;
  }
  // Looks until there is nothing more, and answers the last look.
  Look catch_up(std::size_t most_bytes = kMostBytes) {
    Look last;
    do {
      last = look(most_bytes);
    } while (last.kind == Look::Kind::kCommits);
    return last;
  }
  // Whether the image equals what a whole read gives.
  testing::AssertionResult is_whole() const {
    const std::string whole = whole_image(path_);
    if (image_ == whole) return testing::AssertionSuccess();
    const auto end = image_.begin() + std::min(image_.size(), whole.size());
    return testing::AssertionFailure()
           << image_.size() << " bytes, and " << whole.size() << ", the first difference at "
           << std::mismatch(image_.begin(), end, whole.begin()).first - image_.begin();
  }
  const std::string& image() const { return image_; }

  WalFollower wal;

 private:
  static constexpr std::size_t kMostBytes = 8u << 20;

  void apply(const Look& look) {
    const std::size_t page_size = look.geometry.page_size;
    EXPECT_EQ(look.loss, Loss::kNone);
    EXPECT_GT(look.commits, 0);
    EXPECT_LE(look.old_tail_commits, look.commits);
    EXPECT_EQ(look.content.size(), look.pages.size() * page_size);
    EXPECT_TRUE(std::is_sorted(look.pages.begin(), look.pages.end(), std::less_equal<>()));
    image_.resize(page_size * look.geometry.page_count);
    for (std::size_t i = 0; i < look.pages.size(); ++i) {
      ASSERT_GE(look.pages[i], 1);
      ASSERT_LE(look.pages[i], look.geometry.page_count);
      const ByteView content = ByteView(look.content).subspan(i * page_size, page_size);
      image_.replace((look.pages[i] - 1) * page_size, page_size, as_text(content));
    }
  }

  Path path_;
  std::string image_;
};

inline constexpr char kFollowedTable[] =
    "PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
    " INSERT INTO t SELECT i, randomblob(400) FROM n;";

// Does as many transactions as each line says, in the way that the other words of it say.
inline constexpr char kFollowedWriter[] = R"py(
import random, sqlite3, sys, time
path, seed = sys.argv[1], int(sys.argv[2])
dice = random.Random(seed)
kinds = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]
def open():
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    db.execute("PRAGMA synchronous=" + dice.choice(["OFF", "NORMAL", "FULL"]))
    db.execute("PRAGMA wal_autocheckpoint=" + sys.argv[3])
    db.execute("PRAGMA cache_size=20")
    return db
db = open()
print("ready")
for line in sys.stdin:
    words = line.split()
    for i in range(int(words[0])):
        if "reopen" in words and dice.random() < 0.02:
            db.close()
            db = open()
        if "paced" in words:
            time.sleep(0.001)
        db.execute("BEGIN IMMEDIATE")
        for j in range(dice.choice([1, 1, 1, 3, 30])):
            db.execute("INSERT OR REPLACE INTO t VALUES(?, ?)",
                       (dice.randrange(500), dice.randbytes(dice.randrange(900))))
        if dice.random() < 0.03:
            db.execute("DELETE FROM t WHERE a > ?", (dice.randrange(500),))
        db.execute("COMMIT" if dice.random() < 0.95 else "ROLLBACK")
        if "checkpoint" in words and dice.random() < 0.05:
            db.execute("PRAGMA wal_checkpoint(%s)" % dice.choice(kinds))
        if "vacuum" in words and dice.random() < 0.01:
            db.execute("VACUUM")
    print("done")
)py";

// A database, somebody who writes to it, and somebody who follows.
class FollowedLog : public testing::Test {
 protected:
  Path wal() const { return path.string() + "-wal"; }
  Path shm() const { return path.string() + "-shm"; }
  static void insert(OtherConnection& writer, int id) {
    EXPECT_EQ(writer.run(fmt::format("INSERT INTO t VALUES({}, 'row')", id)), "ok []");
  }
  // A process that has the database open, a commit in the log, and a follower that knows it.
  std::unique_ptr<OtherConnection> follow(LogFollower& follower, const std::string& before = "") {
    run_sql(path, before + kFollowedTable);
    auto writer = std::make_unique<OtherConnection>(path);
    insert(*writer, 1000);
    EXPECT_TRUE(follower.begin());
    return writer;
  }
  // Ends the last connection a moment after the log was written back: what happens within a tick of
  // the file system's clock cannot be told apart.
  void close_later(OtherConnection& writer) const {
    EXPECT_THAT(writer.run("PRAGMA wal_checkpoint(FULL)"), testing::StartsWith("ok [(0,"));
    wait_until_settled();
    writer.stop(0);
  }
  // A tick is not always enough: that clock may be further behind than the last time it gave out.
  void wait_until_settled() const {
    while (!FileState::of(path).value().is_settled()) std::this_thread::yield();
  }
  static void expect_nothing(const Look& look) {
    EXPECT_EQ(look.kind, Look::Kind::kNothing) << loss_name(look.loss) << ": " << look.detail;
  }
  static void expect_lost(const Look& look, Loss loss) {
    EXPECT_EQ(look.kind, Look::Kind::kLost);
    EXPECT_EQ(loss_name(look.loss), loss_name(loss)) << look.detail;
    EXPECT_NE(look.detail, "");
  }

  env::TemporaryDirectory directory, elsewhere;
  const Path path = directory / "a.db";
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_TEST_LOG_FOLLOWER_H_
