#include <gtest/gtest.h>
#include <holdfast/records.h>

#include <fstream>
#include <map>

#include "env/temporary_directory.h"
#include "sqlite/test_database.h"

// No header of the record layers is included: the public one must be enough for an application.
namespace holdfast {
namespace {

class RecordStoreTest : public testing::Test {
 protected:
  RecordStoreTest() {
    std::ofstream(directory / "holdfast.toml") << R"toml(
[databases.app]
source = "app.db"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
create = "CREATE TABLE IF NOT EXISTS videos (video_id TEXT PRIMARY KEY, title TEXT NOT NULL)"
key = "video_id"
)toml";
  }
  std::string code_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const RecordError& error) {
      return error.code();
    }
    return "nothing";
  }
  // A database without tables, as an application's first start leaves it.
  void begin_database() { sqlite::run_sql(directory / "app.db", "PRAGMA user_version = 1"); }

  env::TemporaryDirectory directory;
};

TEST_F(RecordStoreTest, SavesReadsListsAndDeletes) {
  begin_database();
  RecordStore records((directory / "holdfast.toml").string());
  const Saved saved = records.put("videos", R"({"video_id":"a","title":"T"})");
  EXPECT_EQ(saved.kept, Kept::kStored);
  EXPECT_EQ(saved.id, "a");
  EXPECT_TRUE(saved.created);
  EXPECT_EQ(records.get("videos", "a"), R"({"title":"T","video_id":"a"})");
  EXPECT_EQ(records.list("videos", {"title=T"}).ids, std::vector<std::string>{"a"});
  EXPECT_EQ(records.remove("videos", "a").kept, Kept::kStored);
  EXPECT_FALSE(records.get("videos", "a"));
  EXPECT_EQ(code_of([&] { records.put("videos", R"({"video_id":"a","title":"T"})"); }),
            "record_deleted");
  records.undelete("videos", "a");
  EXPECT_EQ(records.put("videos", R"({"video_id":"a","title":"T"})").kept, Kept::kStored);
}

TEST_F(RecordStoreTest, SpoolsAndDrains) {
  RecordStore records((directory / "holdfast.toml").string());
  EXPECT_EQ(records.put("videos", R"({"video_id":"a","title":"T"})").kept, Kept::kSpooled);
  begin_database();
  EXPECT_EQ(records.drain(), 1u);
  EXPECT_TRUE(records.get("videos", "a"));
}

TEST_F(RecordStoreTest, RefusesByTheCodesOfTheCatalogue) {
  begin_database();
  RecordStore records((directory / "holdfast.toml").string());
  EXPECT_EQ(code_of([&] { records.put("videos", "{"); }), "record_invalid");
  EXPECT_EQ(code_of([&] { records.put("videos", R"({"video_id":"a"})"); }), "record_rejected");
  EXPECT_EQ(code_of([&] { records.put("nothing", "{}"); }), "collection_unknown");
  EXPECT_EQ(code_of([&] { RecordStore("/nonexistent/holdfast.toml"); }), "configuration");
}

TEST_F(RecordStoreTest, DoesAWriteOfOneIdOnce) {
  begin_database();
  RecordStore records((directory / "holdfast.toml").string());
  const std::string id(32, 'a');
  records.put("videos", R"({"video_id":"a","title":"1"})", false, id);
  records.put("videos", R"({"video_id":"b","title":"1"})");
  RecordStore another((directory / "holdfast.toml").string());
  another.put("videos", R"({"video_id":"a","title":"2"})", false, id);
  EXPECT_EQ(another.get("videos", "a"), R"({"title":"1","video_id":"a"})");
}

TEST_F(RecordStoreTest, LoadsTheUnionOfAllCopies) {
  begin_database();
  RecordStore records((directory / "holdfast.toml").string());
  records.put("videos", R"({"video_id":"a","title":"in the database"})");
  std::ofstream(directory / "old.json")
      << R"({"a":{"video_id":"a","title":"old"},"b":{"video_id":"b","title":"only here"}})";
  std::map<std::string, std::string> found;
  records.load_all("videos",
                   [&](const std::string& id, const std::string& json) { found[id] = json; },
                   {(directory / "old.json").string()});
  EXPECT_EQ(found, (std::map<std::string, std::string>{
                       {"a", R"({"title":"in the database","video_id":"a"})"},
                       {"b", R"({"title":"only here","video_id":"b"})"}}));
  EXPECT_FALSE(records.get("videos", "b"));
}

}  // namespace
}  // namespace holdfast
