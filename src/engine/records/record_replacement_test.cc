#include <gmock/gmock.h>

#include "base/test_errors.h"
#include "engine/records/record_database.h"
#include "engine/records/test_records.h"

namespace holdfast::engine {
namespace {

using testing::UnorderedElementsAre;

class RecordReplacement : public RecordsTest {
 protected:
  RecordReplacement() {
    sql("INSERT INTO videos (video_id, title, slug) VALUES ('a', 'A', 's'), ('b', 'B', NULL), "
        "('c', 'C', NULL);"
        "INSERT INTO summaries (video_id, variant, revision, html) VALUES ('a', 'x', 1, 'h');"
        "INSERT INTO tags VALUES ('a', 't'), ('c', 't')");
  }
  Replaced replace(const std::vector<std::string>& removed, const std::vector<Write>& puts) {
    std::vector<Write> removals;
    for (const std::string& id : removed) removals.push_back(delete_of("videos", id));
    return database.replace("videos", removals, [&](const auto& put) {
      for (const Write& write : puts) put(write);
    });
  }
  static Write video(const std::string& id, const std::string& rest = "") {
    return put_of("videos", R"({"video_id":")" + id + R"(","title":"new")" + rest + "}");
  }
  std::string titles() {
    return sql("SELECT group_concat(video_id || title) FROM (SELECT * FROM videos ORDER BY 1)");
  }

  RecordDatabase database = open();
};

TEST_F(RecordReplacement, RemovesAndPutsInOneGo) {
  EXPECT_THAT(database.ids("videos"), UnorderedElementsAre("a", "b", "c"));
  const Replaced done = replace({"a"}, {video("b"), video("d", R"(,"tags":[{"tag":"y"}])")});
  EXPECT_EQ(1u, done.removed);
  EXPECT_EQ(2u, done.children_removed);
  EXPECT_EQ(1u, done.replaced);
  EXPECT_EQ(1u, done.inserted);
  EXPECT_EQ("bnew,cC,dnew", titles());
  EXPECT_EQ("0", sql("SELECT count(*) FROM summaries"));
  EXPECT_EQ("c,d", sql("SELECT group_concat(video_id) FROM tags"));
}

TEST_F(RecordReplacement, WhatWasRemovedMayComeBack) {
  replace({"a"}, {});
  EXPECT_EQ(1u, replace({}, {video("a")}).inserted);
}

TEST_F(RecordReplacement, WhatWasDeletedMayNot) {
  database.apply(std::vector{delete_of("videos", "a")}, now, std::chrono::days(7));
  const Replaced done = replace({}, {video("a"), video("d")});
  EXPECT_EQ(1u, done.deleted);
  EXPECT_EQ(1u, done.inserted);
  EXPECT_EQ("bB,cC,dnew", titles());
}

TEST_F(RecordReplacement, ExcludedRecordsStayOut) {
  Write write = video("d");
  write.condition.exclusions = {{"videos", "video_id = 'd'"}};
  EXPECT_EQ(1u, replace({}, {write}).excluded);
  EXPECT_EQ("aA,bB,cC", titles());
}

TEST_F(RecordReplacement, AValueThatMustBeUniqueMayPassToAnotherRecord) {
  replace({"a"}, {video("d", R"(,"slug":"s")")});
  EXPECT_EQ("d", sql("SELECT video_id FROM videos WHERE slug = 's'"));
}

TEST_F(RecordReplacement, OneRecordThatIsRefusedLeavesAllAsItWas) {
  const std::string before = titles();
  EXPECT_EQ(ErrorCode::kRecordRejected,
            code_of([&] { replace({"b"}, {video("c"), video("d", R"(,"slug":"s")")}); }));
  EXPECT_EQ(ErrorCode::kRecordInvalid,
            code_of([&] { replace({"b"}, {video("c"), video("d", R"(,"nonsense":1)")}); }));
  EXPECT_EQ(ErrorCode::kInterrupted, code_of([&] {
              database.replace("videos", {}, [&](const auto& put) {
                put(video("c"));
                throw Error(ErrorCode::kInterrupted, "enough");
              });
            }));
  EXPECT_EQ(before, titles());
  EXPECT_EQ("1", sql("SELECT count(*) FROM summaries"));
}

TEST_F(RecordReplacement, WhatOthersHaveChangedMeanwhileIsNotReplaced) {
  const std::string tag = record_tag(*database.get("videos", "a"));
  Write put = video("a"), removal = delete_of("videos", "a");
  put.condition.tags = removal.condition.tags = {tag};
  sql("UPDATE videos SET title = 'theirs' WHERE video_id = 'a'");
  EXPECT_EQ(ErrorCode::kPreconditionFailed, code_of([&] { replace({"b"}, {put}); }));
  EXPECT_EQ(ErrorCode::kPreconditionFailed,
            code_of([&] { database.replace("videos", std::vector{removal}, [](const auto&) {}); }));
  EXPECT_EQ("atheirs,bB,cC", titles());
}

TEST_F(RecordReplacement, MakesTheTableWhereItIsSaidHow) {
  const Replaced done = database.replace(
      "notes", {}, [](const auto& put) { put(put_of("notes", R"({"id":7,"body":"B"})")); });
  EXPECT_EQ(1u, done.inserted);
  EXPECT_EQ("B", sql("SELECT body FROM notes WHERE id = 7"));
}

}  // namespace
}  // namespace holdfast::engine
