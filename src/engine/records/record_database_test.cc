#include "engine/records/record_database.h"

#include <gmock/gmock.h>

#include "engine/records/test_flaky_session.h"
#include "engine/records/test_records.h"

namespace holdfast::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RecordDatabaseTest : public RecordsTest {
 protected:
  std::vector<WriteOutcome> apply(const std::vector<Write>& writes) {
    return database.apply(writes, now, std::chrono::days(7));
  }
  WriteOutcome put(const std::string& json, const std::string& collection = "videos") {
    return apply({put_of(collection, json)}).at(0);
  }
  std::string get(const std::string& id) {
    const auto record = database.get("videos", id);
    return record ? record_text(*record) : "none";
  }

  RecordDatabase database = open();
};

ErrorCode code(const WriteOutcome& outcome) {
  return outcome.refused ? outcome.refused->code() : ErrorCode::kInternal;
}

TEST_F(RecordDatabaseTest, InsertsAndThenUpdatesByKey) {
  const WriteOutcome first = put(R"({"video_id":"a","title":"T","channel":"C"})");
  EXPECT_FALSE(first.refused);
  EXPECT_TRUE(first.created);
  EXPECT_EQ(first.record_id, "a");
  const WriteOutcome second =
      put(R"({"video_id":"a","title":"U","stats":{"total":3},"counts":{"x":[1]}})");
  EXPECT_FALSE(second.created);
  EXPECT_EQ(get("a"),
            R"({"channel":"C","counts":{"x":[1]},"slug":null,"stats":{"total":3},"summaries":{},)"
            R"("tags":[],"title":"U","video_id":"a"})");
}

TEST_F(RecordDatabaseTest, RefusesOneRecordAndKeepsItsNeighbours) {
  const auto outcomes = apply({put_of("videos", R"({"video_id":"a","title":"T","slug":"s"})"),
                               put_of("videos", R"({"video_id":"b","title":"T","slug":"s"})"),
                               put_of("videos", R"({"video_id":"c"})"),
                               put_of("videos", R"({"video_id":"d","title":"T","nonsense":1})"),
                               put_of("videos", R"({"title":"T"})"),
                               put_of("videos", R"({"video_id":"e","title":"T"})")});
  EXPECT_FALSE(outcomes[0].refused);
  EXPECT_EQ(code(outcomes[1]), ErrorCode::kRecordRejected);
  EXPECT_THAT(outcomes[1].refused->happened(), HasSubstr("record b of videos"));
  EXPECT_THAT(outcomes[1].refused->happened(), HasSubstr("videos.slug"));
  EXPECT_EQ(code(outcomes[2]), ErrorCode::kRecordRejected);
  EXPECT_THAT(outcomes[2].refused->happened(), HasSubstr("videos.title"));
  EXPECT_EQ(code(outcomes[3]), ErrorCode::kRecordInvalid);
  EXPECT_EQ(code(outcomes[4]), ErrorCode::kRecordInvalid);
  EXPECT_FALSE(outcomes[5].refused);
  EXPECT_EQ(sql("SELECT group_concat(video_id) FROM videos"), "a,e");
}

TEST_F(RecordDatabaseTest, KeepsTheNeighboursOfARecordThatATriggerTakesTheTransactionBackFor) {
  sql("CREATE TRIGGER x BEFORE INSERT ON videos WHEN new.title = 'bad' "
      "BEGIN SELECT raise(ROLLBACK, 'never'); END");
  const auto outcomes = apply({put_of("videos", R"({"video_id":"a","title":"T"})"),
                               put_of("videos", R"({"video_id":"b","title":"bad"})"),
                               put_of("videos", R"({"video_id":"c","title":"T"})")});
  EXPECT_FALSE(outcomes[0].refused);
  EXPECT_EQ(code(outcomes[1]), ErrorCode::kRecordRejected);
  EXPECT_FALSE(outcomes[2].refused);
  EXPECT_EQ(sql("SELECT group_concat(video_id) FROM videos"), "a,c");
}

TEST_F(RecordDatabaseTest, DoesAWriteOnceHoweverOftenItIsApplied) {
  const Write write = put_of("videos", R"({"video_id":"a","title":"T","tags":[{"tag":"x"}]})");
  apply({write});
  sql("UPDATE videos SET title = 'later'");
  const auto outcomes = apply({write, write});
  EXPECT_TRUE(outcomes[0].replayed && outcomes[1].replayed);
  EXPECT_EQ(outcomes[0].record_id, "a");
  EXPECT_EQ(sql("SELECT title FROM videos"), "later");
}

TEST_F(RecordDatabaseTest, ForgetsWritesThatAreAcknowledgedOrOld) {
  const Write write = put_of("videos", R"({"video_id":"a","title":"T"})");
  apply({write});
  database.acknowledge(std::vector{write});
  put(R"({"video_id":"b","title":"T"})");
  EXPECT_EQ(sql("SELECT count(*) FROM _holdfast_writes"), "1");
  RecordDatabase later = open();
  later.apply(std::vector{put_of("videos", R"({"video_id":"c","title":"T"})")},
              now + std::chrono::days(8), std::chrono::days(7));
  EXPECT_EQ(sql("SELECT count(*) FROM _holdfast_writes"), "1");
}

TEST_F(RecordDatabaseTest, BelievesThatOthersHaveChangedSeveralRecordsBeforeTheyWereReadBack) {
  FlakyHooks hooks;
  RecordDatabase watched(
      std::make_unique<FlakySession>(
          std::make_unique<sqlite::RowStore>(path, sqlite::RowStoreOptions{}), hooks),
      collections);
  hooks.after = [&](std::string_view call) {
    if (call == "commit") sql("UPDATE videos SET title = 'theirs'");
  };
  const std::vector<Write> writes = {put_of("videos", R"({"video_id":"a","title":"ours"})"),
                                     put_of("videos", R"({"video_id":"b","title":"ours"})")};
  for (const WriteOutcome& outcome : watched.apply(writes, now, std::chrono::days(1))) {
    EXPECT_FALSE(outcome.refused);
  }
  EXPECT_EQ(sql("SELECT group_concat(title) FROM videos"), "theirs,theirs");
}

TEST_F(RecordDatabaseTest, AddsARevisionForEachChangeAndNoneForTheSame) {
  const auto html = [](const std::string& text) {
    return R"({"video_id":"a","title":"T","summaries":{"short":{"html":")" + text + "\"}}}";
  };
  put(html("one"));
  put(html("one"));
  put(html("two"));
  EXPECT_EQ(sql("SELECT group_concat(revision || html) FROM summaries"), "1one,2two");
  const auto record = database.get("videos", "a");
  EXPECT_EQ((*record)["summaries"]["short"]["html"], "two");
  EXPECT_EQ((*record)["summaries"]["short"]["revision"], 2);
  // What was read can be put again as it is.
  const auto outcome = apply({put_of("videos", record_text(*record))}).at(0);
  EXPECT_FALSE(outcome.refused) << outcome.refused->happened();
  EXPECT_EQ(sql("SELECT count(*) FROM summaries"), "2");
}

TEST_F(RecordDatabaseTest, ReplacesAListOfChildrenAsAWhole) {
  put(R"({"video_id":"a","title":"T","tags":[{"tag":"x"},{"tag":"y"}]})");
  put(R"({"video_id":"a","tags":[{"tag":"z"}]})");
  EXPECT_EQ(sql("SELECT group_concat(tag) FROM tags"), "z");
  put(R"({"video_id":"a","title":"U"})");
  EXPECT_EQ(sql("SELECT count(*) FROM tags"), "1");
}

TEST_F(RecordDatabaseTest, DeletesWithChildrenAndLetsNothingComeBack) {
  put(R"({"video_id":"a","title":"T","tags":[{"tag":"x"}],"summaries":{"s":{"html":"h"}}})");
  const auto deleted = apply({delete_of("videos", "yt:a")}).at(0);
  EXPECT_FALSE(deleted.refused);
  EXPECT_EQ(deleted.record_id, "a");
  EXPECT_EQ(deleted.children_removed, 2u);
  EXPECT_EQ(get("a"), "none");
  EXPECT_EQ(code(put(R"({"video_id":"a","title":"T"})")), ErrorCode::kRecordDeleted);
  EXPECT_EQ(code(put(R"({"video_id":"yt:a","title":"T"})")), ErrorCode::kRecordDeleted);
  EXPECT_EQ(get("a"), "none");
  EXPECT_EQ(code(apply({delete_of("videos", "a")}).at(0)), ErrorCode::kRecordMissing);
  ASSERT_EQ(database.tombstones("videos").size(), 1u);
  EXPECT_THAT(database.tombstones("videos")[0].key_columns, ElementsAre("video_id"));
}

TEST_F(RecordDatabaseTest, LetsComeBackWhatIsUndeleted) {
  put(R"({"video_id":"a","title":"T"})");
  put(R"({"video_id":"b","title":"T"})");
  apply({delete_of("videos", "a"), delete_of("videos", "b")});
  EXPECT_FALSE(apply({delete_of("videos", "yt:a", WriteKind::kUndelete)}).at(0).refused);
  EXPECT_FALSE(put(R"({"video_id":"a","title":"T"})").refused);
  Write forced = put_of("videos", R"({"video_id":"b","title":"T"})");
  forced.undelete = true;
  EXPECT_FALSE(apply({forced}).at(0).refused);
  EXPECT_FALSE(put(R"({"video_id":"b","title":"T"})").refused);
  EXPECT_EQ(code(apply({delete_of("videos", "c", WriteKind::kUndelete)}).at(0)),
            ErrorCode::kRecordMissing);
}

TEST_F(RecordDatabaseTest, MakesAMissingTableAndNumbersRecordsWithDefaults) {
  const WriteOutcome outcome = put(R"({"body":"x"})", "notes");
  EXPECT_FALSE(outcome.refused);
  EXPECT_EQ(outcome.record_id, "1");
  EXPECT_EQ(sql("SELECT active FROM notes"), "1");
  put(R"({"id":1,"active":false})", "notes");
  put(R"({"id":1,"body":"y"})", "notes");
  EXPECT_EQ(sql("SELECT active || body FROM notes"), "0y");
}

TEST_F(RecordDatabaseTest, CountsAMissingTableAsAway) {
  sql("DROP TABLE tags");
  const auto outcomes = apply(
      {put_of("videos", R"({"video_id":"a","title":"T"})"), put_of("notes", R"({"body":"x"})")});
  ASSERT_TRUE(outcomes[0].away);
  EXPECT_EQ(outcomes[0].away->code(), ErrorCode::kTableMissing);
  EXPECT_FALSE(outcomes[1].refused || outcomes[1].away);
}

TEST_F(RecordDatabaseTest, SeesAChangedSchema) {
  put(R"({"video_id":"a","title":"T"})");
  sql("ALTER TABLE videos ADD COLUMN extra TEXT");
  EXPECT_FALSE(put(R"({"video_id":"a","extra":"x"})").refused);
  EXPECT_EQ(sql("SELECT extra FROM videos"), "x");
}

TEST_F(RecordDatabaseTest, SaysWhichFieldsATriggerMadeSomethingElseOf) {
  sql("CREATE TRIGGER x AFTER UPDATE ON videos WHEN new.channel <> 'fixed' "
      "BEGIN UPDATE videos SET channel = 'fixed' WHERE video_id = new.video_id; END");
  put(R"({"video_id":"a","title":"T"})");
  const WriteOutcome outcome = put(R"({"video_id":"a","channel":"mine"})");
  EXPECT_FALSE(outcome.refused);
  EXPECT_THAT(outcome.adjusted, ElementsAre("channel"));
}

TEST_F(RecordDatabaseTest, RefusesAValueThatTheColumnWouldNotKeep) {
  sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, active BOOLEAN, x REAL)");
  const WriteOutcome outcome = put(R"({"body":"n","x":9007199254740993})", "notes");
  EXPECT_EQ(code(outcome), ErrorCode::kRecordRejected);
  EXPECT_THAT(outcome.refused->happened(), HasSubstr("column x"));
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), "0");
  EXPECT_FALSE(put(R"({"body":"n","x":9007199254740992})", "notes").refused);
}

TEST_F(RecordDatabaseTest, EnforcesForeignKeys) {
  sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT REFERENCES videos, active BOOLEAN)");
  EXPECT_EQ(code(put(R"({"body":"nobody"})", "notes")), ErrorCode::kRecordRejected);
}

TEST_F(RecordDatabaseTest, ListsWithFiltersOrderAndPages) {
  for (const char* id : {"a", "b", "c", "d"}) {
    put(R"({"video_id":")" + std::string(id) + R"(","title":"Title )" + id +
        R"(","stats":{"total":)" + std::to_string(id[0] % 3) + "}}");
  }
  const auto ids = [&](std::vector<std::string> filters, std::vector<std::string> sort,
                       std::uint64_t page, std::uint64_t size) {
    std::string answer;
    const ListedRecords found =
        database.list("videos", {.filters = filters, .sort = sort, .page = page, .size = size});
    for (const std::string& id : found.ids) answer += id;
    return answer + "/" + std::to_string(found.total);
  };
  EXPECT_EQ(ids({}, {}, 0, 50), "abcd/4");
  EXPECT_EQ(ids({}, {"-stats.total"}, 0, 50), "badc/4");
  EXPECT_EQ(ids({"stats.total>=1"}, {"-video_id"}, 0, 50), "dba/3");
  EXPECT_EQ(ids({"title~TITLE B"}, {}, 0, 50), "b/1");
  EXPECT_EQ(ids({"channel=null"}, {}, 1, 3), "d/4");
  EXPECT_THROW(ids({"nothing=1"}, {}, 0, 1), Error);
  EXPECT_THROW(ids({"title"}, {}, 0, 1), Error);
}

TEST_F(RecordDatabaseTest, SurvivesARecordOfFiftyMegabytes) {
  const std::string body(50'000'000, 'x');
  const WriteOutcome outcome = put(R"({"body":")" + body + "\"}", "notes");
  EXPECT_FALSE(outcome.refused);
  EXPECT_EQ(sql("SELECT length(body) FROM notes"), "50000000");
}

}  // namespace
}  // namespace holdfast::engine
