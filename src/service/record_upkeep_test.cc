#include "service/record_upkeep.h"

#include <gmock/gmock.h>

#include "service/test_world.h"
#include "sqlite/test_database.h"

namespace holdfast::service {
namespace {

constexpr const char* kUpkeepConfiguration = R"toml(
[databases.app]
source = "app.db"
[[databases.app.exports]]
file = "results.json"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
key = "video_id"
)toml";

class RecordUpkeepTest : public TestWorld {
 protected:
  void begin_database() {
    sqlite::run_sql(folder / "app.db",
                    "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT)");
  }
  engine::Kept put(const std::string& id) {
    engine::Write write{.id = {},
                        .kind = engine::WriteKind::kPut,
                        .collection = "videos",
                        .record = {{"video_id", id}, {"title", "T"}},
                        .record_id = {}};
    return records.write({write}).at(0).kept;
  }
  std::string results() {
    const Bytes content = env::read_file(world.files, folder / "results.json");
    return std::string(as_text(content));
  }
  void tell(std::string_view sentence) {
    const std::lock_guard lock(mutex);
    told += std::string(sentence) + "\n";
  }

  std::mutex mutex;
  std::string told;
  Configuration configuration =
      parse_configuration(kUpkeepConfiguration, folder / "holdfast.toml", world.variables);
  Records records{configuration, world};
};

TEST_F(RecordUpkeepTest, ExportsShowAllThatWasWrittenWhenItEnds) {
  begin_database();
  RecordUpkeep upkeep(configuration, world, records, [&](auto sentence) { tell(sentence); });
  for (const char* id : {"a", "b"}) {
    EXPECT_EQ(put(id), engine::Kept::kStored);
    upkeep.wrote("app");
  }
  upkeep.finish();
  EXPECT_EQ(results(), R"({"a":{"title":"T","video_id":"a"},"b":{"title":"T","video_id":"b"}})")
      << told;
  const auto state = upkeep.state();
  ASSERT_EQ(state.size(), 1u);
  EXPECT_FALSE(state[0].exports_due);
  EXPECT_TRUE(state[0].exported);
  EXPECT_THAT(state[0].sentences, testing::IsEmpty());
}

TEST_F(RecordUpkeepTest, AnExportThatFailsIsSaidAndShown) {
  begin_database();
  RecordUpkeep upkeep(configuration, world, records, [&](auto sentence) { tell(sentence); });
  file("results.json/in-the-way");
  put("a");
  upkeep.wrote("app");
  upkeep.finish();
  EXPECT_EQ(upkeep.state()[0].sentences.size(), 1u);
  EXPECT_THAT(told, testing::HasSubstr("results.json"));
}

TEST_F(RecordUpkeepTest, TheSpoolIsDrainedAndSoShownInTheExports) {
  EXPECT_EQ(put("a"), engine::Kept::kSpooled);
  begin_database();
  RecordUpkeep upkeep(configuration, world, records, [&](auto sentence) { tell(sentence); });
  upkeep.finish();
  EXPECT_TRUE(upkeep.state()[0].spool.empty());
  EXPECT_THAT(results(), testing::HasSubstr("\"a\""));
}

TEST_F(RecordUpkeepTest, WhatCannotBeDrainedIsSaidOnce) {
  EXPECT_EQ(put("a"), engine::Kept::kSpooled);
  RecordUpkeep upkeep(configuration, world, records, [&](auto sentence) { tell(sentence); });
  upkeep.finish();
  EXPECT_EQ(upkeep.state()[0].spool.waiting, 1u);
  EXPECT_THAT(upkeep.state()[0].away, testing::HasSubstr("app.db"));
  EXPECT_EQ(std::ranges::count(told, '\n'), 1) << told;
}

}  // namespace
}  // namespace holdfast::service
