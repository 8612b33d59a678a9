#include "service/protection_settings.h"

#include <gmock/gmock.h>

#include "service/configuration.h"
#include "service/test_world.h"

namespace holdfast::service {
namespace {

using engine::OnViolation;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class ProtectionFile : public TestWorld {
 protected:
  Configuration parse(std::string_view text) {
    return parse_configuration(text, "/etc/app/holdfast.toml", world.variables);
  }
  std::string problem(std::string_view text) {
    const Error error = error_of([&] { parse(text); });
    EXPECT_EQ(ErrorCode::kConfiguration, error.code());
    return error.happened();
  }
  std::string problem_of_app(const std::string& line) {
    return problem("[databases.app]\nsource = \"app.db\"\n" + line + "\n");
  }
};

TEST_F(ProtectionFile, IsReadWhole) {
  const Configuration read = parse(R"(
environment = "$FLASK_ENV"
force_import = "FORCE_DATABASE_IMPORT"
[databases.app]
source = "app.db"
on_violation = "merge"
seed = "seed/campaigns.sql"
invariants = [
  { name = "campaigns", sql = "SELECT count(*) FROM campaigns", min = 12, max = 99.5 },
  { sql = "PRAGMA user_version", equals = 3 },
]
exclusions = [{ table = "campaigns", where = "name = 'Prizies'" }]
[replication]
close_interval = "5m"
lease_stale = "10s"
backlog = "waiting"
keep = [["1h", "0s"], ["2d", "1m"]]
)");
  EXPECT_EQ("$FLASK_ENV", read.boot.environment);
  EXPECT_EQ("FORCE_DATABASE_IMPORT", read.boot.force_switch);
  const ProtectionSettings& app = read.databases.at(0).protection;
  EXPECT_EQ(OnViolation::kMerge, app.on_violation);
  EXPECT_EQ("/etc/app/seed/campaigns.sql", app.seed);
  ASSERT_EQ(2u, app.invariants.size());
  EXPECT_EQ("campaigns", app.invariants[0].name);
  EXPECT_EQ(12.0, app.invariants[0].min);
  EXPECT_EQ(99.5, app.invariants[0].max);
  EXPECT_EQ("invariant 2", app.invariants[1].name);
  EXPECT_EQ("3", app.invariants[1].equals);
  ASSERT_EQ(1u, app.exclusions.size());
  EXPECT_EQ("name = 'Prizies'", app.exclusions[0].condition);
  EXPECT_EQ(minutes(5), read.replication.close_interval);
  EXPECT_EQ(seconds(10), read.replication.lease_stale);
  EXPECT_EQ("/etc/app/waiting", read.replication.backlog);
  ASSERT_EQ(2u, read.replication.keep.steps.size());
  EXPECT_EQ(hours(48), read.replication.keep.steps[1].age);
  EXPECT_EQ(minutes(1), read.replication.keep.steps[1].spacing);
}

TEST_F(ProtectionFile, IsRestoringAndKeepsAMonthUnlessSaid) {
  const Configuration read = parse("[databases.app]\nsource = \"app.db\"\n");
  EXPECT_EQ(OnViolation::kRestore, read.databases.at(0).protection.on_violation);
  EXPECT_EQ(hours(24 * 30), read.replication.keep.steps.back().age);
}

TEST_F(ProtectionFile, SaysWhatIsWrongWithAnInvariant) {
  EXPECT_THAT(problem_of_app("invariants = [{ sql = \"SELECT 1\" }]"), HasSubstr("every answer"));
  EXPECT_THAT(problem_of_app("invariants = [{ name = \"x\", min = 1 }]"),
              HasSubstr("needs \"sql\""));
  EXPECT_THAT(problem_of_app("invariants = [{ sql = \"SELECT 1\", mni = 1 }]"),
              HasSubstr("did you mean \"min\"?"));
  EXPECT_THAT(problem_of_app("invariants = \"SELECT 1\""), HasSubstr("must be a list"));
  EXPECT_THAT(problem_of_app("invariants = [{ sql = \"SELECT 1\", min = \"many\" }]"),
              HasSubstr("must be a number"));
}

TEST_F(ProtectionFile, SaysWhatElseIsWrong) {
  EXPECT_THAT(problem_of_app("exclusions = [{ table = \"t\" }]"), HasSubstr("\"where\""));
  EXPECT_THAT(problem_of_app("on_violation = \"ignore\""), HasSubstr("\"restore\", \"merge\""));
  EXPECT_THAT(problem_of_app("seed = \"campaigns.csv\""), HasSubstr(".sql or .json"));
  EXPECT_THAT(problem("[replication]\nclose_interval = \"0s\"\n"), HasSubstr("at least"));
  EXPECT_THAT(problem("[replication]\nlongest_end = \"0s\"\n"), HasSubstr("at least"));
  EXPECT_THAT(problem("[replication]\nlease_stale = \"1mo\"\n"), HasSubstr("must be a span"));
  EXPECT_THAT(problem("[replication]\nkeep = [[\"2h\", \"1s\"], [\"1h\", \"1m\"]]\n"),
              HasSubstr("must grow"));
  EXPECT_THAT(problem("[replication]\nkeep = [\"2h\"]\n"), HasSubstr("must be a list"));
  EXPECT_THAT(problem("[replication]\nadopt_every = \"never\"\n"), HasSubstr("must be a span"));
}

class Boot : public TestWorld {};

TEST_F(Boot, IsInProductionByAWordOrAVariable) {
  EXPECT_TRUE(is_production({.environment = "Production"}, world.variables));
  EXPECT_FALSE(is_production({.environment = "staging"}, world.variables));
  EXPECT_FALSE(is_production({.environment = "$FLASK_ENV"}, world.variables));
  variables["FLASK_ENV"] = "PROD";
  EXPECT_TRUE(is_production({.environment = "$FLASK_ENV"}, world.variables));
  EXPECT_TRUE(is_production({.environment = "${FLASK_ENV}"}, world.variables));
}

TEST_F(Boot, ForcesAnImportOnlyByAClearYes) {
  EXPECT_FALSE(import_is_forced({}, world.variables));
  variables["HOLDFAST_FORCE_IMPORT"] = "0";
  EXPECT_FALSE(import_is_forced({}, world.variables));
  variables["HOLDFAST_FORCE_IMPORT"] = "True";
  EXPECT_TRUE(import_is_forced({}, world.variables));
  EXPECT_FALSE(import_is_forced({.environment = {}, .force_switch = "OTHER"}, world.variables));
}

}  // namespace
}  // namespace holdfast::service
