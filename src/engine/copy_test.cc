// Copies of real databases' histories: snapshots, and any moment between them.
#include "repository/copy.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "engine/restore/point_in_time.h"
#include "engine/test_timeline.h"

namespace holdfast::engine {
namespace {

// A protected database and a copy of its repository: of the same keys, or of keys of its own.
class HistoryCopyTest : public testing::TestWithParam<bool> {
 protected:
  HistoryCopyTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(200, 900));
  }

  // With every position kept, however old.
  repository::CopyResult copy() {
    repository::CopyRequest request;
    request.timeline.steps = {{std::chrono::hours(24 * 36500), std::chrono::seconds(0)}};
    repository::CopyResult result =
        repository::copy_history(at.repository, target, request, no_progress());
    for (const auto& [what, why] : result.failures) ADD_FAILURE() << what << ": " << why;
    return result;
  }
  repository::Timeline timeline_of_copy() const {
    const auto ids = repository::snapshot_ids(target);
    const std::set<SnapshotId> snapshots(ids.begin(), ids.end());
    return repository::load_timeline(target, repository::timeline_series(target, Protection::kName),
                                     &snapshots);
  }
  // Proved equal to the checksum that the copy has of it, and compared with what it was.
  void expect_every_position() {
    const repository::Timeline timeline = timeline_of_copy();
    for (const auto& [number, image] : line.images()) {
      const auto path = repository::find_path(timeline, {1, number});
      ASSERT_TRUE(path.has_value()) << number;
      const auto file = at.directory / ("copy-" + env::random_name());
      const PointInTime point = read_point(target, *path, Protection::kName);
      restore_point_copy(target, env::posix_file_system(), point, file, 2, no_progress());
      EXPECT_TRUE(file_content(file) == image) << number;
      std::filesystem::remove(file);
    }
  }
  void commit_some(int count) {
    line.commit_many(count, [&](int) {
      const std::string id = std::to_string(random() % 300);
      switch (random() % 5) {
        case 0:
          return "DELETE FROM record WHERE id = " + id;
        case 1:
          return rows_sql(1 + static_cast<int>(random() % 20), 900);
        case 2:
          return std::string("DELETE FROM record WHERE id > 250; VACUUM");
        default:
          return "UPDATE record SET body = randomblob(900) WHERE id = " + id;
      }
    });
  }

  const unsigned seed = std::random_device{}();
  std::mt19937 random{seed};
  Protection at;
  TimelineWriter line{at};
  storage::MemoryStore memory;
  const repository::Repository target =
      (GetParam()
           ? repository::Repository::create_copy_of(at.repository, memory, std::nullopt, "copy")
           : repository::Repository::create(memory, env::system_clock(), std::nullopt, "copy"))
          .repository;
};

TEST_P(HistoryCopyTest, AnyMomentCanBeRestoredFromTheCopy) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  line.anchor();
  commit_some(40);
  const repository::CopyResult result = copy();
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.positions, 40u);
  expect_every_position();
}

TEST_P(HistoryCopyTest, ALaterCopyGoesOnWhereTheLastOneEnded) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  line.anchor();
  for (int round = 0; round < 4; ++round) {
    commit_some(1 + static_cast<int>(random() % 9));
    if (round == 2) line.anchor(repository::Relation::kContinued);
    copy();
    EXPECT_EQ(copy().positions, 0u) << "nothing had happened";
  }
  expect_every_position();
}

TEST_P(HistoryCopyTest, MarksAreCopiedOnce) {
  line.anchor();
  repository::put_mark(at.repository, line.series(), "before the release", line.position(),
                       line.time);
  EXPECT_EQ(copy().marks, 1u);
  EXPECT_EQ(copy().marks, 0u);
  const auto marks =
      repository::list_marks(target, repository::timeline_series(target, Protection::kName));
  ASSERT_EQ(marks.marks.size(), 1u);
  EXPECT_EQ(marks.marks.front().name, "before the release");
  EXPECT_EQ(marks.marks.front().position, line.position());
}

TEST_P(HistoryCopyTest, WhatTheCopyHasThinnedOutDoesNotComeBack) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  line.anchor();
  commit_some(30);
  copy();
  const repository::Timeline timeline = timeline_of_copy();
  repository::TimelinePolicy newest_only;
  newest_only.steps = {{std::chrono::hours(24 * 365), std::chrono::hours(24 * 365)}};
  repository::thin(target, timeline,
                   repository::plan_thinning(timeline, {}, newest_only, line.time));
  repository::CopyRequest request;
  request.timeline = newest_only;
  const auto result = repository::copy_history(at.repository, target, request, no_progress());
  EXPECT_EQ(result.positions, 0u);
}

INSTANTIATE_TEST_SUITE_P(Keys, HistoryCopyTest, testing::Bool(), [](const auto& of) {
  return of.param ? "TheSame" : "OthersThanTheSource";
});

}  // namespace
}  // namespace holdfast::engine
