#include "service/configuration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "service/test_world.h"
#include "storage/s3/s3_options.h"

namespace holdfast::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ConfigurationFile : public TestWorld {
 protected:
  Configuration parse(std::string_view text) {
    return parse_configuration(text, "/etc/app/holdfast.toml", world.variables);
  }
  std::string problem(std::string_view text) {
    const Error error = error_of([&] { parse(text); });
    EXPECT_EQ(ErrorCode::kConfiguration, error.code());
    return error.happened();
  }
};

std::string only_place(const Configuration& configuration) {
  return configuration.repositories.size() == 1 ? configuration.repositories.front().place : "";
}

TEST_F(ConfigurationFile, IsReadWhole) {
  const Configuration read = parse(R"(
repository = "backup"
passphrase_file = "../secret"
key_cache = "off"
compression = 9
limit_upload = 2.5
limit_download = 20
[databases.users]
source = ["$USERS", "/volume/users.db"]
[databases.app]
source = "./app.db"
keep = { last = 3, within = "1y6mo", tags = ["release"] }
[retention]
daily = 7
monthly = -1
)");
  EXPECT_EQ("/etc/app/backup", only_place(read));
  EXPECT_EQ("/etc/secret", read.passphrase_file);
  EXPECT_FALSE(read.key_cache);
  EXPECT_EQ(9, read.compression);
  EXPECT_DOUBLE_EQ(2.5e6, read.limits.upload);
  EXPECT_DOUBLE_EQ(20e6, read.limits.download);
  ASSERT_EQ(2u, read.databases.size());
  EXPECT_EQ("users", read.databases[0].name);
  EXPECT_THAT(read.databases[0].source, ElementsAre("$USERS", "/volume/users.db"));
  EXPECT_THAT(read.databases[1].source, ElementsAre("./app.db"));
  ASSERT_TRUE(read.databases[1].keep);
  EXPECT_EQ(3, read.databases[1].keep->last);
  EXPECT_EQ(6, read.databases[1].keep->within->months);
  EXPECT_THAT(read.databases[1].keep->tags, ElementsAre("release"));
  EXPECT_EQ(7, read.retention->daily);
  EXPECT_EQ(-1, read.retention->monthly);
}

TEST_F(ConfigurationFile, MayBeEmpty) {
  const Configuration read = parse("");
  EXPECT_TRUE(read.key_cache);
  EXPECT_TRUE(read.databases.empty());
}

TEST_F(ConfigurationFile, LeavesAUrlAsItIs) {
  EXPECT_EQ("file:///backup", only_place(parse("repository = \"file:///backup\"")));
}

TEST_F(ConfigurationFile, ExpandsTheHomeFolder) {
  variables["HOME"] = "/home/ada";
  EXPECT_EQ("/home/ada/backup", only_place(parse("repository = \"~/backup\"")));
}

TEST_F(ConfigurationFile, NamesSeveralRepositories) {
  const Configuration read = parse(R"(
[[repository]]
name = "here"
place = "backup"
[[repository]]
name = "offsite"
place = "s3://bucket/app"
passphrase_file = "secret"
keep = { daily = 7 }
copy_every = "1h"
[[repository]]
name = "shelf"
place = "/mnt/shelf"
copy_every = "off"
)");
  ASSERT_EQ(3u, read.repositories.size());
  EXPECT_EQ("/etc/app/backup", read.repositories[0].place);
  EXPECT_EQ(std::chrono::minutes(5), read.repositories[0].copy_every);
  EXPECT_EQ("s3://bucket/app", read.repository("offsite")->place);
  EXPECT_EQ("/etc/app/secret", read.repositories[1].passphrase_file);
  EXPECT_EQ(7, read.repositories[1].keep->daily);
  EXPECT_EQ(std::chrono::hours(1), read.repositories[1].copy_every);
  EXPECT_EQ(0, read.repositories[2].copy_every.count());
  EXPECT_EQ(nullptr, read.repository("nowhere"));
}

TEST_F(ConfigurationFile, RefusesRepositoriesThatCannotBeToldApart) {
  EXPECT_THAT(problem("[[repository]]\nplace = \"a\"\n"), HasSubstr("a name and a place"));
  EXPECT_THAT(problem("[[repository]]\nname = \"a b\"\nplace = \"a\"\n"), HasSubstr("letters"));
  const std::string first = "[[repository]]\nname = \"a\"\nplace = \"a\"\n";
  EXPECT_THAT(problem(first + "[[repository]]\nname = \"a\"\nplace = \"b\"\n"),
              HasSubstr("two repositories are called \"a\""));
  EXPECT_THAT(problem(first + "[[repository]]\nname = \"b\"\nplace = \"a\"\n"),
              HasSubstr("are one place"));
}

std::string in_s3(std::string_view place, std::string_view options) {
  return fmt::format("[[repository]]\nname = \"a\"\nplace = \"{}\"\n[repository.s3]\n{}\n", place,
                     options);
}

TEST_F(ConfigurationFile, SaysOfAPlaceInS3WhatItsUrlMaySay) {
  const auto options_of = [&](std::string_view place, std::string_view options) {
    return storage::parse_s3_url(only_place(parse(in_s3(place, options))));
  };
  const auto all = options_of("s3://bucket/app", R"(
endpoint = "https://s3.test:9000"
region = "eu-1"
path_style = false
profile = "backup & more"
ca_file = "ca.pem"
storage_class = "STANDARD_IA"
sse = "aws:kms"
sse_kms_key = "arn:aws:kms:x"
lock_days = 7
lock_mode = "compliance"
listing_lag = "5s")");
  EXPECT_EQ("app", all.prefix);
  EXPECT_EQ("https://s3.test:9000", all.endpoint);
  EXPECT_EQ("eu-1", all.region);
  EXPECT_EQ(false, all.path_style);
  EXPECT_EQ("backup & more", all.profile);
  EXPECT_EQ("/etc/app/ca.pem", all.ca_file);
  EXPECT_EQ("STANDARD_IA", all.storage_class);
  EXPECT_EQ("aws:kms", all.sse);
  EXPECT_EQ("arn:aws:kms:x", all.sse_kms_key);
  EXPECT_EQ(7, all.lock_days);
  EXPECT_EQ(storage::LockMode::kCompliance, all.lock_mode);
  EXPECT_EQ(std::chrono::seconds(5), all.listing_lag);
  const auto both = options_of("s3://bucket/app?region=eu-1", "path_style = true");
  EXPECT_EQ("eu-1", both.region);
  EXPECT_EQ(true, both.path_style);
}

TEST_F(ConfigurationFile, RefusesWhatCannotBeOfAPlaceInS3) {
  const auto problem_of = [&](std::string_view options) {
    return problem(in_s3("s3://bucket/app?region=r", options));
  };
  EXPECT_THAT(problem_of("region = \"r\""), HasSubstr("\"region\" is said by the place, too"));
  EXPECT_THAT(problem_of("\nendpoint = \"h\""), HasSubstr("line 6"));
  EXPECT_THAT(problem_of("endpoint = \"h\""), HasSubstr("https://"));
  EXPECT_THAT(problem_of("path_style = \"yes\""), HasSubstr("true or false"));
  EXPECT_THAT(problem_of("lock_days = 0"), HasSubstr("whole number of days"));
  EXPECT_THAT(problem_of("lock_mode = \"compliance\""), HasSubstr("without \"lock_days\""));
  EXPECT_THAT(problem_of("lock_days = 1\nlock_mode = \"x\""), HasSubstr("governance or"));
  EXPECT_THAT(problem_of("listing_lag = \"1h\""), HasSubstr("\"10m\""));
  EXPECT_THAT(problem_of("sse = \"AES256\"\nsse_kms_key = \"k\""), HasSubstr("aws:kms"));
  EXPECT_THAT(problem_of("pathstyle = true"), HasSubstr("did you mean \"path_style\"?"));
  EXPECT_THAT(problem(in_s3("/backup", "region = \"r\"")), HasSubstr("s3://BUCKET"));
}

TEST_F(ConfigurationFile, HasNoKeysOfS3) {
  const Error error =
      error_of([&] { parse(in_s3("s3://bucket/app", "secret_access_key = \"hush\"")); });
  EXPECT_EQ(ErrorCode::kConfiguration, error.code());
  EXPECT_THAT(error.happened(), Not(HasSubstr("hush")));
  EXPECT_THAT(std::string(error.next()), HasSubstr("AWS_SECRET_ACCESS_KEY"));
}

TEST_F(ConfigurationFile, SuggestsTheNearestKeyAndItsLine) {
  const std::string happened = problem("\nrepositroy = \"x\"\n");
  EXPECT_THAT(happened, HasSubstr("line 2"));
  EXPECT_THAT(happened, HasSubstr("did you mean \"repository\"?"));
}

TEST_F(ConfigurationFile, SuggestsTheNearestKeyOfASection) {
  EXPECT_THAT(problem("[databases.app]\nsuorce = \"x\"\n"),
              HasSubstr("unknown key \"suorce\" in [databases.app]; did you mean \"source\"?"));
  EXPECT_THAT(problem("[retention]\ndayly = 1\n"), HasSubstr("did you mean \"daily\"?"));
}

TEST_F(ConfigurationFile, SaysWhereTomlEnds) {
  EXPECT_THAT(problem("a = \n"), HasSubstr("line 1"));
}

TEST_F(ConfigurationFile, RefusesWrongKindsOfValues) {
  EXPECT_THAT(problem("repository = 5"), HasSubstr("text in quotes"));
  EXPECT_THAT(problem("key_cache = \"maybe\""), HasSubstr("\"session\" or \"off\""));
  EXPECT_THAT(problem("compression = 20"), HasSubstr("whole number from 1"));
  EXPECT_THAT(problem("limit_upload = 0"), HasSubstr("megabytes a second"));
  EXPECT_THAT(problem("[databases.app]\n"), HasSubstr("needs a source"));
  EXPECT_THAT(problem("[databases.app]\nsource = []\n"), HasSubstr("empty list"));
  EXPECT_THAT(problem("[databases.app]\nsource = \"\"\n"), HasSubstr("is empty"));
  EXPECT_THAT(problem("[retention]\nwithin = \"soon\"\n"), HasSubstr("span"));
  EXPECT_THAT(problem("databases = 1"), HasSubstr("must be a section"));
}

TEST_F(ConfigurationFile, RefusesAPolicyThatKeepsNothing) {
  EXPECT_THAT(problem("[retention]\nlast = 0\n"), HasSubstr("keeps nothing"));
}

TEST_F(ConfigurationFile, IsFoundInTheWorkingDirectory) {
  file("holdfast.toml", "compression = 3");
  EXPECT_EQ(3, load_configuration(world, "").compression);
}

TEST_F(ConfigurationFile, NamedByTheVariableComesFirst) {
  file("holdfast.toml", "compression = 3");
  file("other.toml", "compression = 4");
  variables["HOLDFAST_CONFIG"] = "other.toml";
  EXPECT_EQ(4, load_configuration(world, "").compression);
}

TEST_F(ConfigurationFile, NamedOnTheCommandLineComesFirstOfAll) {
  file("other.toml", "compression = 4");
  file("third.toml", "compression = 5");
  variables["HOLDFAST_CONFIG"] = "other.toml";
  EXPECT_EQ(5, load_configuration(world, "third.toml").compression);
}

TEST_F(ConfigurationFile, NamedButMissingIsAnError) {
  EXPECT_EQ(ErrorCode::kConfiguration,
            error_of([&] { load_configuration(world, "no.toml"); }).code());
}

TEST_F(ConfigurationFile, IsNotSearchedForInParents) {
  file("holdfast.toml", "compression = 3");
  env::posix_file_system().make_directories(folder / "below");
  world.directory = folder / "below";
  EXPECT_FALSE(load_configuration(world, "").compression);
}

}  // namespace
}  // namespace holdfast::service
