#include "engine/guard/lineage.h"

#include <gtest/gtest.h>

#include "engine/guard/test_guarded.h"
#include "engine/test_timeline.h"
#include "storage/counting_store.h"

namespace holdfast::engine {
namespace {

class LineageTest : public GuardedTest {
 protected:
  LineageTest() { request.invariants.clear(); }
  Lineage lineage() { return guard(false).before.lineage; }
  // Puts the database back to what it was at that position.
  void put_back(std::uint64_t number) {
    wipe();
    sqlite::write_content(at.database(), line.images().at(number));
  }

  TimelineWriter line{at};
};

TEST_F(LineageTest, KnowsTheNewestPosition) {
  at.sql(twelve());
  line.anchor();
  EXPECT_EQ(lineage(), Lineage::kNewest);
  line.commit(kUsers);
  EXPECT_EQ(lineage(), Lineage::kNewest);
}

TEST_F(LineageTest, CallsLaterChangesAhead) {
  at.sql(twelve());
  line.anchor();
  line.commit(kUsers);
  at.sql(kUsers);
  EXPECT_EQ(lineage(), Lineage::kAhead);
}

TEST_F(LineageTest, CallsAFewSecondsBehindAForkAndMoreAnOldCopy) {
  at.sql(twelve());
  line.anchor();
  for (int i = 0; i < 5; ++i) line.commit(kUsers);
  put_back(line.number - 2);
  EXPECT_EQ(lineage(), Lineage::kBehind);
  EXPECT_EQ(guard().decision.action, Action::kServeFork);
  request.power_loss_window = std::chrono::seconds(1);
  EXPECT_EQ(lineage(), Lineage::kOlder);
  EXPECT_EQ(guard().decision.action, Action::kRestore);
  EXPECT_TRUE(file_content(at.database()) == line.images().at(line.number));
}

TEST_F(LineageTest, CallsAnOldCopyOfASnapshotOlder) {
  at.sql(twelve());
  at.back_up();
  const std::string old = file_content(at.database());
  at.sql(kUsers);
  at.back_up();
  sqlite::write_content(at.database(), old);
  request.power_loss_window = std::chrono::seconds(0);
  EXPECT_EQ(lineage(), Lineage::kOlder);
}

TEST_F(LineageTest, CallsTheFirstStateOfAHistoryEmptierThoughItIsOneOfItsPositions) {
  at.sql(kSchema);
  line.anchor();
  line.commit("INSERT INTO campaigns (name) VALUES ('One')");
  put_back(1);
  EXPECT_EQ(lineage(), Lineage::kEmptier);
  guard();
  EXPECT_EQ(names(), "One");
}

TEST_F(LineageTest, CallsAFreshDatabaseEmptierThoughTheApplicationHasPutRowsIntoIt) {
  at.sql(std::string("CREATE TABLE users (name); INSERT INTO users VALUES ('admin');") + kSchema);
  line.anchor();
  line.commit(twelve().substr(sizeof kSchema - 1));
  wipe();
  at.sql(std::string("CREATE TABLE users (name); INSERT INTO users VALUES ('root');") + kSchema);
  EXPECT_EQ(lineage(), Lineage::kEmptier);
}

TEST_F(LineageTest, CallsADatabaseAheadFromWhichRowsWereDeleted) {
  at.sql(twelve());
  line.anchor();
  at.sql("DELETE FROM campaigns WHERE id % 2 = 0");
  EXPECT_EQ(lineage(), Lineage::kAhead);
}

TEST_F(LineageTest, ServesADatabaseThatItsHistorySaysIsEmpty) {
  at.sql(twelve());
  line.anchor();
  line.commit("DELETE FROM campaigns");
  EXPECT_EQ(lineage(), Lineage::kNewest);
  at.sql("INSERT INTO campaigns (name) VALUES ('x'); DELETE FROM campaigns");
  EXPECT_EQ(lineage(), Lineage::kEmptier);  // nobody saw these commits: its snapshot has rows
}

TEST_F(LineageTest, TellsAnotherDatabaseByItsPages) {
  at.sql("CREATE TABLE record (body);" + rows_sql(500, 1000));
  line.anchor();
  at.sql("INSERT INTO record VALUES (1)");
  EXPECT_EQ(lineage(), Lineage::kAhead);
  wipe();
  at.sql("CREATE TABLE record (body);" + rows_sql(500, 1000));
  EXPECT_EQ(lineage(), Lineage::kForeign);
  EXPECT_EQ(guard().decision.action, Action::kServeWarning);
}

TEST_F(LineageTest, CannotTellWithoutLocalDigests) {
  at.sql("CREATE TABLE record (body);" + rows_sql(500, 1000));
  line.anchor();
  at.sql("INSERT INTO record VALUES (1)");
  std::filesystem::remove_all(at.cache());
  EXPECT_EQ(lineage(), Lineage::kAhead);
}

TEST_F(LineageTest, RestoresTheNewestPositionOnAnEmptyDisk) {
  at.sql(twelve() + kPrizies);
  line.anchor();
  line.commit_many(20, [](int) { return std::string(kUsers); });
  wipe();
  const GuardResult result = guard();
  ASSERT_TRUE(result.used->path.has_value());
  EXPECT_EQ(result.used->path->position, line.position());
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns"), "32");
}

TEST_F(LineageTest, FallsBackToAnAnchorWhenASegmentIsDamaged) {
  at.sql(twelve());
  line.anchor();
  line.commit(kUsers);
  for (const std::string& segment : at.objects("timelines/" + line.series() + "/s/")) {
    Bytes content = at.memory.get(segment);
    content.back() ^= std::byte{1};
    at.memory.put(segment, content, {.mode = storage::PutMode::kReplace});
  }
  wipe();
  guard();
  EXPECT_EQ(names(), names_of_twelve());
}

TEST_F(LineageTest, ReadsNothingOfTheStoreButNamesWhenAllIsWell) {
  at.sql(twelve());
  line.anchor();
  line.commit(kUsers);
  storage::CountingStore counting(at.memory);
  const auto counted = repository::Repository::open(counting, env::system_clock(), std::nullopt);
  counting.reset();
  engine::guard(&counted, *at.files, request, true, no_progress());
  EXPECT_EQ(counting.count(storage::Verb::kGet).requests, 0);
  EXPECT_EQ(counting.count(storage::Verb::kGetRange).requests, 0);
  EXPECT_EQ(counting.count(storage::Verb::kPut).requests, 0);
}

}  // namespace
}  // namespace holdfast::engine
