#include "engine/restore/point_in_time.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/test_timeline.h"
#include "repository/timeline.h"
#include "repository/timeline_names.h"
#include "storage/counting_store.h"

namespace holdfast::engine {
namespace {

using repository::Relation;
using repository::StatePath;

class PointInTimeTest : public testing::Test {
 protected:
  PointInTimeTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(200, 900));
  }
  std::string restored(const StatePath& path) {
    const auto copy = at.directory / ("copy-" + env::random_name());
    const PointInTime point = read_point(at.repository, path, Protection::kName);
    restore_point_copy(at.repository, env::posix_file_system(), point, copy, 2, no_progress());
    std::string content = file_content(copy);
    std::filesystem::remove(copy);
    return content;
  }
  void expect_every_position() {
    for (const auto& [number, image] : line.images()) {
      EXPECT_TRUE(restored(line.path_to(number)) == image) << number;
    }
  }
  RestoreRequest request() const {
    RestoreRequest request;
    request.database = Protection::kName;
    request.target = at.directory / "place" / "app.db";
    request.threads = 2;
    return request;
  }
  ErrorCode refusal(const StatePath& path) {
    return code_of([&] { read_point(at.repository, path, Protection::kName); });
  }

  Protection at;
  TimelineWriter line{at};
};

TEST_F(PointInTimeTest, BringsBackEveryPosition) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  line.anchor();
  line.commit_many(70, [&](int) {
    const std::string id = std::to_string(random() % 300);
    switch (random() % 4) {
      case 0:
        return "DELETE FROM record WHERE id = " + id;
      case 1:
        return rows_sql(1 + static_cast<int>(random() % 20), 900);
      default:
        return "UPDATE record SET body = randomblob(900) WHERE id = " + id;
    }
  });
  expect_every_position();
}

TEST_F(PointInTimeTest, FollowsADatabaseThatShrinksAndGrowsAgain) {
  line.anchor();
  line.commit("DELETE FROM record WHERE id > 20");
  line.commit("VACUUM", 2);
  line.commit(rows_sql(500, 900));
  line.commit("DELETE FROM record WHERE id > 300", 4);
  line.commit("VACUUM");
  expect_every_position();
}

TEST_F(PointInTimeTest, TakesSegmentsThatReachBackBeyondTheSnapshot) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  line.commit("UPDATE record SET body = randomblob(900) WHERE id % 50 = 0");
  const auto closed = line.anchor(Relation::kContinued, line.position());
  line.commit("UPDATE record SET body = randomblob(900) WHERE id = 7", 3);
  const StatePath path = line.path_to(line.number);
  EXPECT_EQ(path.anchor.position, closed.position);
  ASSERT_EQ(path.segments.size(), 1);
  EXPECT_LT(path.segments.front().base, closed.position.number);
  EXPECT_TRUE(restored(path) == line.images().rbegin()->second);
}

TEST_F(PointInTimeTest, GoesBackToAnEarlierAnchorWhenASnapshotIsGone) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  const auto closed = line.anchor(Relation::kContinued, line.position());
  line.commit("UPDATE record SET body = randomblob(900) WHERE id = 7");
  const auto snapshot = repository::find_snapshot(at.repository, line.series(), closed.snapshot);
  repository::remove_snapshot(at.repository, snapshot.value());
  const StatePath path = line.path_to(line.number);
  EXPECT_EQ(path.segments.size(), 2);
  EXPECT_TRUE(restored(path) == line.images().rbegin()->second);
}

TEST_F(PointInTimeTest, RefusesAPathWithASegmentThatIsGone) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  line.commit(rows_sql(5, 900));
  const StatePath path = line.path_to(line.number);
  at.store.remove(repository::object_name(line.series(), path.segments.back()));
  EXPECT_EQ(refusal(path), ErrorCode::kPositionMissing);
}

TEST_F(PointInTimeTest, RefusesAPathWhosePartsDoNotFitTogether) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  line.commit(rows_sql(5, 900));
  StatePath path = line.path_to(line.number);
  path.segments.pop_back();
  EXPECT_EQ(refusal(path), ErrorCode::kPositionMissing);
  path.segments.clear();
  EXPECT_EQ(refusal(path), ErrorCode::kPositionMissing);
}

TEST_F(PointInTimeTest, RefusesASnapshotOfAnotherState) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  const auto other = line.anchor(Relation::kContinued, line.position());
  StatePath path = line.path_to(1);
  path.anchor.snapshot = other.snapshot;
  EXPECT_EQ(refusal(path), ErrorCode::kDamagedObject);
}

TEST_F(PointInTimeTest, SaysThatTheSnapshotIsMissing) {
  const auto anchor = line.anchor();
  const StatePath path = line.path_to(1);
  const auto snapshot = repository::find_snapshot(at.repository, line.series(), anchor.snapshot);
  repository::remove_snapshot(at.repository, snapshot.value());
  EXPECT_EQ(refusal(path), ErrorCode::kMissingObject);
}

TEST_F(PointInTimeTest, SavesWhatItReplacesAndProvesWhatItPutsThere) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  line.commit(rows_sql(5, 900));
  std::filesystem::create_directories(request().target.parent_path());
  run_sql(request().target, "CREATE TABLE own (x); INSERT INTO own VALUES ('mine')");
  const PointInTime point = read_point(at.repository, line.path_to(2), Protection::kName);
  const RestoreResult result =
      restore_point(at.repository, *at.files, point, request(), no_progress());
  EXPECT_TRUE(file_content(request().target) == line.images().at(2));
  EXPECT_EQ(result.checksum, line.checksum_of(line.images().at(2)));
  ASSERT_TRUE(result.safety_snapshot.has_value());
  const auto copy = at.directory / "saved.db";
  sqlite::write_content(copy, at.restored(*result.safety_snapshot));
  EXPECT_EQ(run_sql(copy, "SELECT x FROM own"), "mine");
}

TEST_F(PointInTimeTest, TakesOutWhatMayNeverComeBack) {
  at.sql("PRAGMA journal_mode = WAL");
  line.anchor();
  line.commit("UPDATE record SET body = 'Prizies' WHERE id IN (3, 5)");
  RestoreRequest without = request();
  without.exclusions = {{.table = "record", .condition = "body = 'Prizies'"}};
  const PointInTime point = read_point(at.repository, line.path_to(2), Protection::kName);
  const RestoreResult result =
      restore_point(at.repository, *at.files, point, without, no_progress());
  EXPECT_EQ(result.excluded_rows, 2);
  EXPECT_EQ(sqlite::names_in(without.target.parent_path()), std::set<std::string>{"app.db"});
  EXPECT_EQ(run_sql(without.target, "SELECT count(*) FROM record"), "198");
}

TEST_F(PointInTimeTest, LeavesTheTargetAloneWhenAnExclusionIsNoSql) {
  line.anchor();
  RestoreRequest wrong = request();
  wrong.exclusions = {{.table = "record", .condition = "nonsense ("}};
  const PointInTime point = read_point(at.repository, line.path_to(1), Protection::kName);
  EXPECT_EQ(code_of([&] { restore_point(at.repository, *at.files, point, wrong, no_progress()); }),
            ErrorCode::kSqlite);
  EXPECT_TRUE(sqlite::names_in(wrong.target.parent_path()).empty());
}

TEST_F(PointInTimeTest, LeavesTheTargetAloneWhenTheChecksumDiffers) {
  line.anchor();
  at.sql(rows_sql(5, 900));
  line.number = 2;
  line.put(image_of(at.database()), 1, true);
  std::filesystem::create_directories(request().target.parent_path());
  run_sql(request().target, "CREATE TABLE own (x)");
  const std::string there = file_content(request().target);
  const PointInTime point = read_point(at.repository, line.path_to(2), Protection::kName);
  EXPECT_EQ(
      code_of([&] { restore_point(at.repository, *at.files, point, request(), no_progress()); }),
      ErrorCode::kChecksumMismatch);
  EXPECT_TRUE(file_content(request().target) == there);
  EXPECT_EQ(sqlite::names_in(request().target.parent_path()), std::set<std::string>{"app.db"});
}

TEST_F(PointInTimeTest, ReadsFewObjectsHoweverManyCommitsThereWere) {
  line.anchor();
  line.commit_many(511, [](int i) {
    return "UPDATE record SET body = randomblob(9) WHERE id = " + std::to_string(i % 200);
  });
  storage::CountingStore counting(at.store);
  const auto repository = repository::Repository::open(counting, env::system_clock(), std::nullopt);
  const StatePath path = line.path_to(line.number);
  counting.reset();
  const PointInTime point = read_point(repository, path, Protection::kName);
  EXPECT_EQ(counting.count(storage::Verb::kGet).requests, point.objects_read);
  restore_point_copy(repository, *at.files, point, at.directory / "copy.db", 2, no_progress());
  EXPECT_LE(counting.total().requests, 64);
  EXPECT_TRUE(file_content(at.directory / "copy.db") == line.images().rbegin()->second);
}

}  // namespace
}  // namespace holdfast::engine
