#include "service/source.h"

#include <gmock/gmock.h>

#include "service/databases.h"
#include "service/test_world.h"

namespace holdfast::service {
namespace {

using testing::HasSubstr;

class Source : public TestWorld {
 protected:
  ResolvedSource resolve(const std::vector<std::string>& entries) {
    return resolve_source(entries, folder.path(), world);
  }
  Configuration configured(std::string_view text) {
    return parse_configuration(text, folder / "holdfast.toml", world.variables);
  }
  std::vector<Database> choose(const std::vector<std::string>& words,
                               const Configuration& configuration, bool all = false) {
    return choose_databases(words, all, configuration, world);
  }
};

TEST_F(Source, IsTheVariableWhenItIsSet) {
  file("dev.db");
  variables["APP_DB"] = "/volume/app.db";
  const ResolvedSource source = resolve({"$APP_DB", "dev.db"});
  EXPECT_EQ("/volume/app.db", source.path);
  EXPECT_EQ("$APP_DB", source.entry);
  EXPECT_EQ("the variable is set", source.reason);
  EXPECT_FALSE(source.found);
}

TEST_F(Source, PassesOverAVariableThatIsEmpty) {
  file("dev.db");
  variables["APP_DB"] = "";
  EXPECT_EQ(folder / "dev.db", resolve({"${APP_DB}", "dev.db"}).path);
}

TEST_F(Source, IsTheFirstFileThatIsThere) {
  file("second.db");
  file("third.db");
  const ResolvedSource source = resolve({"first.db", "./second.db", "third.db"});
  EXPECT_EQ(folder / "second.db", source.path);
  EXPECT_EQ("the file is there", source.reason);
  EXPECT_TRUE(source.found);
}

TEST_F(Source, IsTheLastWhenNoneIsThere) {
  const ResolvedSource source = resolve({"$UNSET", "a.db", "b.db"});
  EXPECT_EQ(folder / "b.db", source.path);
  EXPECT_THAT(source.reason, HasSubstr("last of 3"));
}

TEST_F(Source, IsNowhereWhenTheLastVariableIsNotSet) {
  EXPECT_EQ(ErrorCode::kConfiguration, error_of([&] { resolve({"a.db", "$UNSET"}); }).code());
}

TEST_F(Source, MayBeAUrlWithThreeSlashesForARelativePath) {
  EXPECT_EQ(folder / "x.db", parse_source("sqlite:///x.db", folder.path(), world));
}

TEST_F(Source, MayBeAUrlWithFourSlashesForAnAbsolutePath) {
  EXPECT_EQ("/srv/x.db", parse_source("sqlite:////srv/x.db?mode=ro", folder.path(), world));
}

TEST_F(Source, TakesThreeSlashesForAnAbsolutePathWhereOnlyThatIsThere) {
  const env::Path path = file("x.db");
  EXPECT_EQ(path, parse_source("sqlite://" + path.string(), "/nowhere", world));
}

TEST_F(Source, MayBeAVariableThatHoldsAUrl) {
  variables["DATABASE_URL"] = "sqlite:///data/app.db";
  EXPECT_EQ(folder / "data/app.db", resolve({"$DATABASE_URL"}).path);
}

TEST_F(Source, MayBeAPostgresServerWhosePasswordIsNeverShown) {
  file("dev.db");
  variables["DATABASE_URL"] = "postgresql+psycopg2://me:geheim@db:5432/app?sslmode=require";
  const ResolvedSource source = resolve({"$DATABASE_URL", "dev.db"});
  EXPECT_EQ(source.url, variables["DATABASE_URL"]);
  EXPECT_TRUE(source.path.empty());
  EXPECT_EQ(source.place(), "postgres://me@db:5432/app");
  const ResolvedSource literal = resolve({"postgres://me:geheim@db/app"});
  EXPECT_EQ(literal.entry, "postgres://me@db/app");
  EXPECT_EQ(resolve({"$UNSET", "dev.db"}).path, folder / "dev.db");
}

TEST_F(Source, OnAPostgresServerHasNoFileToBeProtected) {
  const Configuration configuration =
      configured("[databases.app]\nsource = \"postgres://me:geheim@db/app\"\n");
  const Error error = error_of([&] { choose({"app"}, configuration); });
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.happened(), HasSubstr("postgres://me@db/app"));
  const std::vector<std::string> words{"app"};
  EXPECT_EQ(choose_all_databases(words, false, configuration, world).size(), 1u);
  EXPECT_FALSE(configured_database("app", configuration, world));
}

TEST_F(Source, OfAnUnknownKindIsRefusedWithoutShowingItsPassword) {
  const Error error = error_of([&] { resolve({"postgress://me:geheim@db/app"}); });
  EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
  EXPECT_THAT(error.happened(), testing::Not(HasSubstr("geheim")));
}

TEST_F(Source, SaysClearlyThatPostgresIsNotYet) {
  for (const char* url : {"postgres://db/app", "postgresql://db/app"}) {
    const Error error = error_of([&] { parse_source(url, folder.path(), world); });
    EXPECT_EQ(ErrorCode::kUnsupported, error.code());
    EXPECT_THAT(error.happened(), HasSubstr("PostgreSQL"));
  }
}

TEST_F(Source, RefusesOtherUrls) {
  EXPECT_EQ(ErrorCode::kConfiguration,
            error_of([&] { parse_source("mysql://x", folder.path(), world); }).code());
}

TEST_F(Source, OfABarePathHasTheNameOfTheFilesStem) {
  file("app.db");
  const auto databases = choose({"app.db"}, {});
  EXPECT_EQ("app", databases.at(0).name);
  EXPECT_EQ(folder / "app.db", databases.at(0).source.path);
}

TEST_F(Source, OfABarePathThatIsConfiguredHasItsConfiguredName) {
  file("app.db");
  const Configuration configuration = configured("[databases.main]\nsource = \"app.db\"\n");
  EXPECT_EQ("main", choose({"./app.db"}, configuration).at(0).name);
}

TEST_F(Source, OfAConfiguredNameIsSaidWithItsReason) {
  file("app.db");
  const Configuration configuration =
      configured("[databases.main]\nsource = [\"$X\", \"app.db\"]\n");
  const std::string sentence = choose({"main"}, configuration).at(0).sentence();
  EXPECT_THAT(sentence, HasSubstr("main"));
  EXPECT_THAT(sentence, HasSubstr("from app.db (the file is there)"));
}

TEST_F(Source, OfAnUnknownNameSuggestsTheNearest) {
  const Configuration configuration = configured("[databases.users]\nsource = \"users.db\"\n");
  const Error error = error_of([&] { choose({"user"}, configuration); });
  EXPECT_EQ(ErrorCode::kDatabaseUnknown, error.code());
  EXPECT_THAT(error.happened(), HasSubstr("did you mean \"users\"?"));
}

TEST_F(Source, IsNotGuessedAmongSeveral) {
  const Configuration configuration =
      configured("[databases.a]\nsource = \"a.db\"\n[databases.b]\nsource = \"b.db\"\n");
  EXPECT_EQ(ErrorCode::kUsage, error_of([&] { choose({}, configuration); }).code());
  EXPECT_EQ(2u, choose({}, configuration, true).size());
}

TEST_F(Source, IsTheOnlyOneWhenNoneIsNamed) {
  EXPECT_EQ("a", choose({}, configured("[databases.a]\nsource = \"a.db\"\n")).at(0).name);
}

TEST_F(Source, NeedsDifferentNamesForDifferentFiles) {
  file("one/app.db");
  file("two/app.db");
  const Error error = error_of([&] { choose({"one/app.db", "two/app.db"}, {}); });
  EXPECT_EQ(ErrorCode::kUsage, error.code());
  EXPECT_THAT(error.happened(), HasSubstr("both be called \"app\""));
}

TEST_F(Source, IsNotNamedTwice) {
  file("app.db");
  EXPECT_EQ(ErrorCode::kUsage, error_of([&] { choose({"app.db", "./app.db"}, {}); }).code());
}

TEST_F(Source, MayBeAPatternForEachFileOfAFolder) {
  for (const char* name : {"b.db", "a.db", "a.db-wal", "a.db-shm", "c.txt", ".hidden.db"}) {
    file(std::string("tenants/") + name);
  }
  const Configuration configuration =
      configured("[databases.tenants]\nsource = [\"$NONE\", \"tenants/*.db\"]\n");
  const auto databases = choose({"tenants"}, configuration);
  ASSERT_EQ(2u, databases.size());
  EXPECT_EQ("tenants/a", databases[0].name);
  EXPECT_EQ(folder / "tenants/a.db", databases[0].source.path);
  EXPECT_EQ("tenants/b", databases[1].name);
  EXPECT_EQ("tenants/b", choose({"./tenants/b.db"}, configuration).at(0).name);
  EXPECT_EQ(folder / "tenants/b.db", choose({"tenants/b"}, configuration).at(0).source.path);
}

TEST_F(Source, OfAPatternIsKnownEvenWhenItsFileIsGone) {
  const Configuration configuration =
      configured("[databases.tenants]\nsource = \"tenants/*.db\"\n");
  const auto gone = configured_database("tenants/gone", configuration, world);
  ASSERT_TRUE(gone);
  EXPECT_EQ(folder / "tenants/gone.db", gone->source.path);
  EXPECT_FALSE(gone->source.found);
  EXPECT_EQ(ErrorCode::kDatabaseMissing, error_of([&] { choose({}, configuration); }).code());
}

TEST_F(Source, WithBracketsInItsNameIsAFileWhenThereIsSuchAFile) {
  file("app[1].db");
  EXPECT_EQ(folder / "app[1].db", choose({"./app[1].db"}, {}).at(0).source.path);
}

TEST_F(Source, IsNoFolder) {
  file("data/app.db");
  EXPECT_EQ(ErrorCode::kNotADatabase, error_of([&] { choose({"./data"}, {}); }).code());
}

}  // namespace
}  // namespace holdfast::service
