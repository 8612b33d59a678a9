#include "engine/drill/drill.h"

#include <gmock/gmock.h>

#include "engine/test_timeline.h"
#include "repository/proof.h"

namespace holdfast::engine {
namespace {

using repository::Proof;
using testing::HasSubstr;

class DrillTest : public testing::Test {
 protected:
  DrillTest() {
    std::filesystem::create_directories(scratch);
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(200, 900));
  }
  DrillRequest request() const {
    DrillRequest request;
    request.database = Protection::kName;
    request.scratch = scratch;
    request.threads = 2;
    return request;
  }
  Proof run(const DrillRequest& drill_request) {
    return drill(at.repository, *at.files, drill_request, no_progress());
  }
  std::optional<Proof> recorded() const {
    return repository::newest_proof(at.repository, line.series());
  }

  Protection at;
  std::filesystem::path scratch = at.directory / "scratch";
  TimelineWriter line{at};
};

TEST_F(DrillTest, ProvesTheNewestPositionAndCleansUp) {
  line.anchor();
  line.commit(rows_sql(5, 900));
  const Proof proof = run(request());
  EXPECT_TRUE(proof.passed()) << proof.findings.front();
  EXPECT_EQ(proof.position, line.position());
  EXPECT_EQ(proof.state, line.time);
  EXPECT_EQ(proof.checksum, line.checksum_of(line.images().rbegin()->second));
  EXPECT_GT(proof.restore_seconds, 0);
  EXPECT_GE(proof.total_seconds, proof.restore_seconds);
  EXPECT_TRUE(std::filesystem::is_empty(scratch));
  ASSERT_TRUE(recorded().has_value());
  EXPECT_EQ(recorded()->checksum, proof.checksum);
}

TEST_F(DrillTest, ProvesTheNewestSnapshotWhereThereIsNoTimeline) {
  at.back_up();
  at.sql(rows_sql(5, 900));
  const repository::Snapshot newest = at.back_up().snapshot;
  const Proof proof = run(request());
  EXPECT_TRUE(proof.passed());
  EXPECT_EQ(proof.snapshot, newest.id);
  EXPECT_EQ(proof.position.branch, 0);
}

TEST_F(DrillTest, RecordsThatInvariantsAreBroken) {
  line.anchor();
  DrillRequest broken = request();
  broken.invariants = {{.name = "enough records",
                        .sql = "SELECT count(*) FROM record",
                        .equals = {},
                        .min = 1000,
                        .max = {}}};
  const Proof proof = run(broken);
  EXPECT_TRUE(proof.integrity);
  EXPECT_FALSE(proof.invariants);
  ASSERT_EQ(proof.findings.size(), 1);
  EXPECT_THAT(proof.findings.front(), HasSubstr("enough records"));
  EXPECT_FALSE(recorded()->passed());
  EXPECT_FALSE(repository::newest_proof(at.repository, line.series(), true).has_value());
}

TEST_F(DrillTest, AsksInvariantsWithoutTheRowsThatMayNeverComeBack) {
  at.sql("UPDATE record SET body = 'Prizies' WHERE id = 3");
  line.anchor();
  DrillRequest excluding = request();
  excluding.exclusions = {{.table = "record", .condition = "body = 'Prizies'"}};
  excluding.invariants = {{.name = "no Prizies",
                           .sql = "SELECT count(*) FROM record WHERE body = 'Prizies'",
                           .equals = "0",
                           .min = {},
                           .max = {}}};
  EXPECT_TRUE(run(excluding).passed());
}

TEST_F(DrillTest, RecordsThatTheHistoryCannotBeRestored) {
  line.anchor();
  at.sql(rows_sql(5, 900));
  line.number = 2;
  line.put(image_of(at.database()), 1, true);
  const Proof proof = run(request());
  EXPECT_FALSE(proof.passed());
  EXPECT_EQ(proof.position, line.position());
  ASSERT_FALSE(proof.findings.empty());
  EXPECT_THAT(proof.findings.front(), HasSubstr("checksum"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch));
  EXPECT_FALSE(recorded()->passed());
}

TEST_F(DrillTest, RecordsNothingWhereThereIsNothingToRestore) {
  EXPECT_EQ(code_of([&] { run(request()); }), ErrorCode::kSnapshotMissing);
  EXPECT_FALSE(recorded().has_value());
  EXPECT_TRUE(std::filesystem::is_empty(scratch));
}

}  // namespace
}  // namespace holdfast::engine
