// Writes with conditions, writes that are asked for twice, and a database that is replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/records/record_writer.h"
#include "engine/records/spool_line.h"
#include "engine/records/test_records.h"

namespace holdfast::engine {
namespace {

class AskedTwiceTest : public RecordsTest {
 protected:
  RecordWriterOptions options() {
    return {.files = env::posix_file_system(),
            .clock = clock,
            .open = [this]() -> std::unique_ptr<RowSession> {
              return std::make_unique<sqlite::RowStore>(path, sqlite::RowStoreOptions{});
            },
            .collections = collections,
            .spool = directory / "spool",
            .emergency = directory / "backups"};
  }
  WriteAnswer put(const std::string& json, WriteCondition condition = {},
                  const std::string& id = {}) {
    Write write = put_of("videos", json);
    write.condition = std::move(condition);
    write.record_id = id;
    return writer.write({write}).at(0);
  }
  WriteAnswer once(const std::string& json, const std::string& digest) {
    Write write = put_of("videos", json);
    write.id = std::string(32, 'a');
    write.digest = digest;
    write.repeatable = true;
    return writer.write({write}).at(0);
  }
  std::string tag_of(const std::string& id) {
    std::string tag;
    writer.read([&](RecordDatabase& database) { tag = record_tag(*database.get("videos", id)); });
    return tag;
  }
  static ErrorCode refusal(const WriteAnswer& answer) {
    return answer.outcome.refused ? answer.outcome.refused->code() : ErrorCode::kInternal;
  }

  env::FakeClock clock{now};
  RecordWriter writer{options()};
};

TEST_F(AskedTwiceTest, AWriteWithAConditionIsForTheVersionThatWasRead) {
  EXPECT_EQ(put(R"({"video_id":"a","title":"1"})", {.absent = true}).kept, Kept::kStored);
  EXPECT_EQ(refusal(put(R"({"video_id":"a","title":"2"})", {.absent = true})),
            ErrorCode::kPreconditionFailed);
  const std::string first = tag_of("a");
  EXPECT_EQ(put(R"({"video_id":"a","title":"2"})", {.tags = {first}}).kept, Kept::kStored);
  EXPECT_EQ(refusal(put(R"({"video_id":"a","title":"3"})", {.tags = {first}})),
            ErrorCode::kPreconditionFailed);
  EXPECT_EQ(refusal(put(R"({"video_id":"b","title":"3"})", {.present = true})),
            ErrorCode::kPreconditionFailed);
  EXPECT_EQ(sql("SELECT group_concat(video_id || title) FROM videos"), "a2");
  Write gone = delete_of("videos", "a");
  gone.condition.tags = {first};
  EXPECT_EQ(refusal(writer.write({gone}).at(0)), ErrorCode::kPreconditionFailed);
  gone.condition.tags = {tag_of("a")};
  EXPECT_EQ(writer.write({gone}).at(0).kept, Kept::kStored);
}

TEST_F(AskedTwiceTest, AWriteWithAConditionIsNeverSpooled) {
  std::filesystem::rename(path, directory / "away.db");
  EXPECT_EQ(refusal(put(R"({"video_id":"a","title":"1"})", {.absent = true})),
            ErrorCode::kRecordNotKept);
  EXPECT_TRUE(writer.spool()->state().empty());
  EXPECT_FALSE(std::filesystem::exists(directory / "backups"));
  EXPECT_EQ(put(R"({"video_id":"a","title":"1"})").kept, Kept::kSpooled);
}

TEST_F(AskedTwiceTest, TheSameWriteAgainGetsTheSameAnswer) {
  const WriteAnswer first = once(R"({"video_id":"a","title":"1"})", "d");
  put(R"({"video_id":"a","title":"2"})");
  const WriteAnswer again = once(R"({"video_id":"a","title":"1"})", "d");
  EXPECT_EQ(again.kept, Kept::kStored);
  EXPECT_TRUE(again.outcome.replayed);
  EXPECT_TRUE(again.outcome.created);
  EXPECT_EQ(again.outcome.record_id, first.outcome.record_id);
  EXPECT_EQ(sql("SELECT title FROM videos"), "2");
}

TEST_F(AskedTwiceTest, AnotherWriteUnderTheSameIdIsRefused) {
  once(R"({"video_id":"a","title":"1"})", "d");
  EXPECT_EQ(refusal(once(R"({"video_id":"b","title":"1"})", "e")), ErrorCode::kIdempotencyConflict);
  EXPECT_EQ(sql("SELECT group_concat(video_id) FROM videos"), "a");
}

TEST_F(AskedTwiceTest, TheDigestGoesThroughTheSpool) {
  Write write = put_of("videos", R"({"video_id":"a"})");
  write.digest = "d";
  std::string line = spool_line(write);
  line.pop_back();
  EXPECT_EQ(parse_spool_line(line)->digest, "d");
}

TEST_F(AskedTwiceTest, TheKeyMayStandBesideTheRecord) {
  EXPECT_EQ(put(R"({"title":"1"})", {}, "yt:a").outcome.record_id, "a");
  EXPECT_EQ(put(R"({"video_id":"yt:a","title":"2"})", {}, "a").kept, Kept::kStored);
  EXPECT_EQ(refusal(put(R"({"video_id":"b","title":"3"})", {}, "a")), ErrorCode::kRecordInvalid);
  EXPECT_EQ(sql("SELECT group_concat(video_id || title) FROM videos"), "a2");
}

TEST_F(AskedTwiceTest, ADatabaseThatWasReplacedIsOpenedAnew) {
  put(R"({"video_id":"a","title":"1"})");
  const auto other = directory / "other.db";
  sqlite::run_sql(other, kTestSchema);
  std::filesystem::rename(other, path);
  EXPECT_EQ(put(R"({"video_id":"b","title":"2"})").kept, Kept::kStored);
  EXPECT_EQ(sql("SELECT group_concat(video_id) FROM videos"), "b");
  std::filesystem::remove(path);
  EXPECT_EQ(put(R"({"video_id":"c","title":"3"})").kept, Kept::kSpooled);
}

}  // namespace
}  // namespace holdfast::engine
