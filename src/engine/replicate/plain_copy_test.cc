// Somebody copies over a database, into the same file and past all locks, while it is followed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "engine/replicate/test_replica.h"
#include "repository/timeline_path.h"

namespace holdfast::engine {
namespace {

using std::chrono::milliseconds;

// Copies one of its files over the first, again and again, in pieces of the size it draws, with
// pauses between pieces and between copies.
constexpr char kCopier[] = R"python(
import pathlib, random, shutil, sys, time
target, finished, seed = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
sources = sys.argv[4:]
draw = random.Random(seed)
for number in range(40):
    source = draw.choice(sources)
    piece = draw.choice((0, 4096, 40960))
    if piece == 0:
        shutil.copyfile(source, target)
    else:
        with open(source, "rb") as given, open(target, "wb", buffering=0) as taken:
            while part := given.read(piece):
                taken.write(part)
                if draw.random() < 0.03:
                    time.sleep(draw.choice((0.001, 0.005, 0.06)))
    time.sleep(draw.choice((0, 0, 0.001, 0.01, 0.06)))
finished.touch()
)python";

class PlainCopyTest : public testing::Test, public Replica {
 protected:
  PlainCopyTest() { writer.reset(); }

  // A database in this journal mode, and another, larger one, to be copied over it.
  void make(const std::string& mode) {
    sql("PRAGMA journal_mode=" + mode);
    first = file_content(database());
    sql("CREATE TABLE more (id INTEGER PRIMARY KEY, body);"
        "INSERT INTO more (body) SELECT randomblob(3000) FROM record LIMIT 60;"
        "DELETE FROM record WHERE id % 3 = 0");
    second = file_content(database());
    ASSERT_GT(second.size(), first.size());
    sqlite::write_content(directory / "first", first);
    sqlite::write_content(directory / "second", second);
  }
  std::set<repository::Position> positions() const {
    std::set<repository::Position> all;
    const repository::Timeline found = timeline();
    for (const repository::Branch branch : repository::branches(found)) {
      const repository::BranchPoints points(found, branch);
      for (const auto& point : points.points()) {
        if (point.reachable()) all.insert(point.position);
      }
    }
    return all;
  }
  // Never a mixture: one of the two, or a beginning of one that says that it is damaged.
  void expect_no_mixture() const {
    RecordProperty("positions", static_cast<int>(positions().size()));
    for (const repository::Position& position : positions()) {
      const std::string state = restored_at(position);
      if (state == first || state == second) continue;
      const bool begins =
          state == first.substr(0, state.size()) || state == second.substr(0, state.size());
      EXPECT_TRUE(begins) << repository::to_text(position) << " has " << state.size() << " bytes";
      EXPECT_NE(damage_at(position), "") << repository::to_text(position);
    }
  }

  std::string first, second;
};

TEST_F(PlainCopyTest, ATruncatedDatabaseIsAPositionWithTheMarkAndAWholeOneHasNone) {
  make("DELETE");
  start();
  EXPECT_EQ(damage_at(flush()), "");
  const std::string cut = second.substr(0, second.size() / 2 / 4096 * 4096);
  sqlite::write_content(database(), cut);
  const repository::Position damaged = replicator->flush(kLongest);
  EXPECT_TRUE(restored_at(damaged) == cut);
  EXPECT_NE(damage_at(damaged), "");
  sqlite::write_content(database(), first);
  const repository::Position whole = replicator->flush(kLongest);
  EXPECT_TRUE(restored_at(whole) == first);
  EXPECT_EQ(damage_at(whole), "");
  EXPECT_NE(damage_at(damaged), "");
}

class RepeatedCopyTest : public PlainCopyTest, public testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(Journals, RepeatedCopyTest, testing::Values("DELETE", "WAL"),
                         [](const auto& journal) { return journal.param; });

TEST_P(RepeatedCopyTest, IsNeverRecordedHalf) {
  make(GetParam());
  start();
  flush();
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed of the copier: {}", seed));
  sqlite::OtherProcess copier(kCopier, {database(), directory / "finished", std::to_string(seed),
                                        directory / "first", directory / "second"});
  while (!std::filesystem::exists(directory / "finished")) {
    // Reads it as often as it can.
    try {
      replicator->flush(milliseconds(50));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable) << error.what();
    }
  }
  const repository::Position last = replicator->flush(kLongest);
  EXPECT_TRUE(restored_at(last) == file_content(database()));
  EXPECT_EQ(damage_at(last), "");
  expect_no_mixture();
}

}  // namespace
}  // namespace holdfast::engine
