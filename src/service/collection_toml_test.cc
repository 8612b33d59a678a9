#include <gmock/gmock.h>

#include "service/configuration.h"
#include "service/test_world.h"

namespace holdfast::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CollectionSection : public TestWorld {
 protected:
  Configuration parse(const std::string& text) {
    return parse_configuration("[databases.app]\nsource = \"app.db\"\n" + text,
                               "/etc/app/holdfast.toml", world.variables);
  }
  std::string problem(const std::string& text) {
    const Error error = error_of([&] { parse(text); });
    EXPECT_EQ(ErrorCode::kConfiguration, error.code());
    return error.happened();
  }
};

TEST_F(CollectionSection, IsReadWhole) {
  const Configuration read = parse(R"toml(
[collections.content]
table = "content"
key = ["video_id"]
create = "CREATE TABLE IF NOT EXISTS content (video_id TEXT PRIMARY KEY)"
route = "/api/content"
alias = { prefix = "yt:", stored = true }
cascades = [{ table = "notes", columns = ["content_id"], references = ["id"] }]
[collections.content.fields]
"stats.total_matches" = "stats_total_matches"
counts = { column = "counts_data", as = "json" }
topics = { as = "json" }
[collections.content.defaults]
active = true
nested = { list = [1, 2.5, "x"] }
[collections.content.children.summaries]
table = "content_summaries"
parent = "video_id"
variant = "variant"
revision = "revision"
fields = { raw = { column = "raw_json", as = "json" } }
[collections.another]
)toml");
  ASSERT_EQ(read.collections.size(), 2u);
  const engine::Collection& content = *read.collection("content");
  EXPECT_EQ(content.database, "app");
  EXPECT_EQ(content.table, "content");
  EXPECT_THAT(content.key, ElementsAre("video_id"));
  EXPECT_EQ(content.route, "/api/content");
  EXPECT_EQ(content.alias_prefix, "yt:");
  EXPECT_TRUE(content.alias_stored);
  ASSERT_EQ(content.fields.size(), 3u);
  for (const auto& field : content.fields) {
    if (field.column == "stats_total_matches") {
      EXPECT_EQ(field.path, (engine::FieldPath{"stats", "total_matches"}));
      EXPECT_FALSE(field.json);
    } else {
      EXPECT_TRUE(field.json) << field.column;
    }
  }
  EXPECT_EQ(content.defaults.dump(), R"({"active":true,"nested":{"list":[1,2.5,"x"]}})");
  ASSERT_EQ(content.children.size(), 1u);
  EXPECT_EQ(content.children[0].name, "summaries");
  EXPECT_EQ(content.children[0].table, "content_summaries");
  EXPECT_EQ(content.children[0].fields[0].column, "raw_json");
  ASSERT_EQ(content.cascades.size(), 1u);
  EXPECT_THAT(content.cascades[0].references, ElementsAre("id"));
  EXPECT_EQ(read.collections[1].name, "another");
  EXPECT_EQ(read.collections[1].table, "another");
  EXPECT_TRUE(read.collections[1].key.empty());
}

TEST_F(CollectionSection, SuggestsTheNearestKeyAtEveryDepth) {
  EXPECT_THAT(problem("[collections.a]\ntabel = \"x\"\n"),
              HasSubstr("unknown key \"tabel\" in [collections.a]; did you mean \"table\"?"));
  EXPECT_THAT(problem("[collections.a.fields]\nx = { colum = \"y\" }\n"),
              HasSubstr("did you mean \"column\"?"));
  EXPECT_THAT(problem("[collections.a.children.b]\nparnt = \"y\"\n"),
              HasSubstr("did you mean \"parent\"?"));
  EXPECT_THAT(problem("[records]\nspol = \"y\"\n"), HasSubstr("did you mean \"spool\"?"));
  EXPECT_THAT(problem("[collections.a]\ndatabase = \"ap\"\n"), HasSubstr("did you mean \"app\"?"));
}

TEST_F(CollectionSection, MustSayWhichDatabaseWhereThereAreTwo) {
  EXPECT_THAT(problem("[databases.b]\nsource = \"b.db\"\n[collections.a]\n"),
              HasSubstr("needs \"database\""));
}

TEST_F(CollectionSection, RefusesWhatCannotBeMeant) {
  EXPECT_THAT(problem("[collections.\"a b\"]\n"), HasSubstr("cannot be the name"));
  EXPECT_THAT(problem("[collections.a]\nroute = \"api\"\n"), HasSubstr("must be a path"));
  EXPECT_THAT(problem("[collections.a]\nroute = \"/v1/x\"\n"), HasSubstr("/v1"));
  EXPECT_THAT(problem("[collections.a]\nroute = \"/x\"\n[collections.b]\nroute = \"/x\"\n"),
              HasSubstr("taken twice"));
  EXPECT_THAT(problem("[collections.a.fields]\nx = { as = \"xml\" }\n"), HasSubstr("\"as\""));
  EXPECT_THAT(problem("[collections.a.fields]\nx = \"c\"\ny = \"c\"\n"), HasSubstr("two fields"));
  EXPECT_THAT(problem("[collections.a.fields]\n\"x.\" = \"c\"\n"), HasSubstr("empty name"));
  EXPECT_THAT(problem("[collections.a.children.b]\nparent = \"x\"\nvariant = \"v\"\n"),
              HasSubstr("or neither"));
  EXPECT_THAT(problem("[collections.a.children.b]\n"), HasSubstr("needs \"parent\""));
  EXPECT_THAT(problem("[collections.a.defaults]\nday = 2026-01-01\n"), HasSubstr("a default"));
  EXPECT_THAT(problem("[records]\nown_tables = \"none\"\n"), HasSubstr("\"beside\""));
  EXPECT_THAT(problem("[records]\nspool_limit = \"much\"\n"), HasSubstr("a size"));
}

TEST_F(CollectionSection, SaysWhereRecordsWait) {
  const RecordSettings settings = parse(R"(
[records]
spool = "spool"
emergency = "/mnt/other"
spool_limit = "2MB"
patience = "10s"
own_tables = "beside"
)")
                                      .records;
  EXPECT_EQ(settings.spool, "/etc/app/spool");
  EXPECT_EQ(settings.emergency, "/mnt/other");
  EXPECT_EQ(settings.spool_limit, 2'000'000u);
  EXPECT_EQ(settings.patience, std::chrono::seconds(10));
  EXPECT_TRUE(settings.own_tables_beside);
}

}  // namespace
}  // namespace holdfast::service
