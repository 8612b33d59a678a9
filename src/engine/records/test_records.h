// What the tests of records share: a database with videos and their summaries, and writes to it.
#ifndef HOLDFAST_ENGINE_RECORDS_TEST_RECORDS_H_
#define HOLDFAST_ENGINE_RECORDS_TEST_RECORDS_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/records/record_database.h"
#include "sqlite/row_store.h"
#include "sqlite/test_database.h"

namespace holdfast::engine {

inline std::vector<Collection> test_collections() {
  Collection videos{.name = "videos",
                    .database = "app",
                    .table = "videos",
                    .key = {"video_id"},
                    .fields = {{.path = {"stats", "total"}, .column = "stats_total"},
                               {.path = {"counts"}, .column = "counts_data", .json = true}},
                    .children = {{.name = "summaries",
                                  .table = "summaries",
                                  .parent = {"video_id"},
                                  .references = {},
                                  .variant = "variant",
                                  .revision = "revision",
                                  .fields = {},
                                  .create = {}},
                                 {.name = "tags",
                                  .table = "tags",
                                  .parent = {"video_id"},
                                  .references = {},
                                  .variant = {},
                                  .revision = {},
                                  .fields = {},
                                  .create = {}}},
                    .cascades = {},
                    .create = {},
                    .route = {},
                    .alias_prefix = "yt:"};
  Collection notes{.name = "notes",
                   .database = "app",
                   .table = "notes",
                   .key = {},
                   .fields = {},
                   .children = {},
                   .cascades = {},
                   .create =
                       "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT, "
                       "active BOOLEAN DEFAULT 0)",
                   .route = {},
                   .alias_prefix = {}};
  notes.defaults = {{"active", true}};
  return {videos, notes};
}

inline constexpr const char* kTestSchema =
    "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT NOT NULL, channel TEXT, "
    "stats_total INTEGER, counts_data TEXT, slug TEXT UNIQUE);"
    "CREATE TABLE summaries (id INTEGER PRIMARY KEY, video_id TEXT NOT NULL REFERENCES videos, "
    "variant TEXT, revision INTEGER, html TEXT, UNIQUE (video_id, variant, revision));"
    "CREATE TABLE tags (video_id TEXT, tag TEXT, PRIMARY KEY (video_id, tag)) WITHOUT ROWID;";

inline Write put_of(const std::string& collection, const std::string& json) {
  return {.id = new_write_id(),
          .kind = WriteKind::kPut,
          .collection = collection,
          .record = parse_record_json(json),
          .record_id = {}};
}
inline Write delete_of(const std::string& collection, const std::string& id,
                       WriteKind kind = WriteKind::kDelete) {
  return {
      .id = new_write_id(), .kind = kind, .collection = collection, .record = {}, .record_id = id};
}

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() { sqlite::run_sql(path, kTestSchema); }

  RecordDatabase open() {
    return {std::make_unique<sqlite::RowStore>(path, sqlite::RowStoreOptions{}), collections};
  }
  std::string sql(const std::string& text) { return sqlite::run_sql(path, text); }

  env::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "app.db";
  std::vector<Collection> collections = test_collections();
  const Time now{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_TEST_RECORDS_H_
