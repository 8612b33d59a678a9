#include "engine/legacy/version_census.h"

#include <gtest/gtest.h>

namespace holdfast::engine {
namespace {

Time at_second(int second) { return Time(std::chrono::seconds(second)); }

IdentifiedRecord version_of(const std::string& id, int version) {
  IdentifiedRecord record{.id = id};
  record.version[0] = static_cast<std::byte>(version);
  return record;
}

class RecordCensus : public testing::Test {
 protected:
  // A source with one version of "a".
  void source(int second, int version, bool intact = true) {
    census.begin_source(at_second(second));
    if (version > 0) census.add(version_of("a", version));
    census.end_source(intact);
  }
  const KnownRecord& settled() {
    census.settle();
    return census.records().at("a");
  }

  VersionCensus census;
};

TEST_F(RecordCensus, TheNewestIntactCopyIsTheBest) {
  source(0, 0);
  source(10, 1);
  source(30, 2, false);
  source(20, 3);
  source(5, 4);
  const KnownRecord& record = settled();
  EXPECT_EQ(std::byte{3}, record.versions[census.best_version(record)].digest[0]);
  EXPECT_FALSE(record.in_database);
}

TEST_F(RecordCensus, ADamagedCopyIsBetterThanNone) {
  source(0, 0);
  source(10, 1, false);
  source(20, 2, false);
  const KnownRecord& record = settled();
  EXPECT_EQ(std::byte{2}, record.versions[census.best_version(record)].digest[0]);
}

TEST_F(RecordCensus, AVersionIsTakenFromItsBestCopyInWhateverOrderTheyAreRead) {
  source(0, 0);
  source(30, 1, false);
  source(10, 1);
  source(20, 1);
  source(40, 1, false);
  const KnownVersion& version = settled().versions.at(0);
  EXPECT_EQ(3u, version.best);
  EXPECT_EQ(4u, version.newest);
  EXPECT_EQ(4u, version.copies);
}

TEST_F(RecordCensus, KnowsWhatTheDatabaseHas) {
  source(0, 7);
  source(10, 8);
  EXPECT_EQ(0u, settled().in_database);
}

}  // namespace
}  // namespace holdfast::engine
