#include "engine/guard/guard.h"

#include <gtest/gtest.h>

#include "engine/guard/test_guarded.h"
#include "engine/records/own_tables.h"
#include "sqlite/row_store.h"
#include "sqlite/seed.h"

namespace holdfast::engine {
namespace {

using GuardTest = GuardedTest;

std::vector<InvariantResult> check(const Protection& at, const Invariant& invariant) {
  return check_invariants(at.database(), {invariant}, std::chrono::milliseconds(50));
}

TEST_F(GuardTest, ComparesAnswersAsNumbersWhereTheyAre) {
  at.sql(twelve());
  const auto holds = [&](const std::string& sql, std::optional<std::string> equals,
                         std::optional<double> min = {}, std::optional<double> max = {}) {
    return check(at, {"x", sql, std::move(equals), min, max}).front().holds;
  };
  EXPECT_TRUE(holds("SELECT 12.0", "12"));
  EXPECT_TRUE(holds("SELECT 'yes'", "yes"));
  EXPECT_FALSE(holds("SELECT 13", "12"));
  EXPECT_TRUE(holds("SELECT count(*) FROM campaigns", {}, 12, 12));
  EXPECT_FALSE(holds("SELECT count(*) FROM campaigns", {}, 13));
  EXPECT_FALSE(holds("SELECT count(*) FROM campaigns", {}, {}, 11));
  EXPECT_FALSE(holds("SELECT NULL", {}, {}, 11));
  EXPECT_FALSE(holds("SELECT 'many'", {}, 0));
  EXPECT_FALSE(holds("SELECT name FROM campaigns WHERE id = 99", ""));
  EXPECT_TRUE(holds("SELECT 1", {}));
  EXPECT_FALSE(holds("SELECT 0", {}));
}

TEST_F(GuardTest, TakesACheckThatFailsForAViolation) {
  at.sql("CREATE TABLE other (x)");
  const InvariantResult result = check(at, request.invariants.front()).front();
  EXPECT_FALSE(result.holds);
  EXPECT_NE(result.found.find("no such table"), std::string::npos) << result.found;
}

TEST_F(GuardTest, ServesWhatIsEqualToItsHistoryAndChangesNothing) {
  at.sql(twelve());
  at.back_up();
  const std::string before = file_content(at.database());
  const GuardResult result = guard();
  EXPECT_EQ(result.before.lineage, Lineage::kNewest);
  EXPECT_EQ(result.decision.action, Action::kServe);
  EXPECT_TRUE(result.safe);
  EXPECT_TRUE(file_content(at.database()) == before);
  EXPECT_EQ(snapshots(), 1);
}

TEST_F(GuardTest, OnlyLooksUnlessToldToFix) {
  at.sql(twelve());
  at.back_up();
  wipe();
  const GuardResult result = guard(false);
  EXPECT_EQ(result.decision.action, Action::kRestore);
  EXPECT_FALSE(result.safe);
  EXPECT_FALSE(std::filesystem::exists(at.database()));
}

TEST_F(GuardTest, BringsBackTheTwelveAndTheUsersAndNeverTheExcluded) {
  at.sql(twelve() + kPrizies + kUsers);
  at.back_up();
  wipe();
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kRestore);
  EXPECT_TRUE(result.safe);
  EXPECT_EQ(result.excluded_rows, 1);
  EXPECT_EQ(names(), names_of_twelve() + ",Of a user");
  EXPECT_EQ(sqlite::names_in(at.database().parent_path()),
            (std::set<std::string>{"app.db", "cache"}));
  EXPECT_EQ(guard().decision.action, Action::kServe);
  EXPECT_EQ(names(), names_of_twelve() + ",Of a user");
}

TEST_F(GuardTest, SaysWhatItFoundChoseAndDid) {
  at.sql(twelve());
  at.back_up();
  wipe();
  guard();
  EXPECT_TRUE(said.said("database app: found missing"));
  EXPECT_TRUE(said.said("database app: decided to restore"));
  EXPECT_TRUE(said.said("database app: restored snapshot"));
}

TEST_F(GuardTest, RestoresInPlaceOfEveryThingThatIsNotThere) {
  at.sql(twelve() + "CREATE TABLE record (body); " + rows_sql(50, 2000));
  at.back_up();
  const std::string whole = file_content(at.database());
  std::string broken = whole;
  broken.replace(4096 * 3, 4096 * 5, std::string(4096 * 5, '\x7f'));
  const std::string bad[] = {"", std::string(9000, 'x'), "tiny", whole.substr(0, whole.size() / 2),
                             broken};
  for (const std::string& content : bad) {
    sqlite::write_content(at.database(), content);
    const GuardResult result = guard();
    EXPECT_EQ(result.decision.action, Action::kRestore) << content.size();
    EXPECT_EQ(names(), names_of_twelve()) << content.size();
    EXPECT_EQ(result.restored->set_aside.size(), content.empty() ? 0 : 1);
    for (const auto& aside : result.restored->set_aside) {
      EXPECT_TRUE(file_content(aside) == content);
    }
  }
}

TEST_F(GuardTest, RestoresWhereTheFoldersAreMissing) {
  at.sql(twelve());
  at.back_up();
  request.path = at.directory / "volume" / "data" / "app.db";
  guard();
  EXPECT_EQ(run_sql(request.path, "SELECT count(*) FROM campaigns"), "12");
}

TEST_F(GuardTest, LeavesADamagedFileInPlaceWhenTheRestoreFails) {
  at.sql(twelve());
  at.back_up();
  const std::string content = file_content(at.database()).substr(0, 5000);
  sqlite::write_content(at.database(), content);
  for (const std::string& pack : at.objects("packs/")) at.memory.remove(pack);
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
  EXPECT_TRUE(file_content(at.database()) == content);
}

TEST_F(GuardTest, NeverServesAFreshDatabaseBesideAFullHistory) {
  at.sql(twelve());
  at.back_up();
  for (const OnViolation wanted : {OnViolation::kRestore, OnViolation::kWarn}) {
    wipe();
    at.sql(kSchema);
    request.invariants.clear();
    request.on_violation = wanted;
    const GuardResult result = guard();
    EXPECT_EQ(result.before.lineage, Lineage::kEmptier);
    EXPECT_EQ(result.decision.action, Action::kRestore);
    EXPECT_TRUE(result.restored->safety_snapshot.has_value());
    EXPECT_EQ(names(), names_of_twelve());
  }
}

TEST_F(GuardTest, MergesWhatIsMissingAndKeepsWhatUsersAdded) {
  at.sql(twelve() + kPrizies);
  at.back_up();
  wipe();
  at.sql(std::string(kSchema) + "INSERT INTO campaigns (id, name) VALUES (3, 'Renamed');" +
         "INSERT INTO campaigns (id, name) VALUES (50, 'Of a user'), (51, 'Prizies');");
  request.on_violation = OnViolation::kMerge;
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kMerge);
  EXPECT_EQ(result.merged->inserted(), 11);
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns"), "13");
  EXPECT_EQ(at.sql("SELECT name FROM campaigns WHERE id = 3"), "Renamed");
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns WHERE name = 'Prizies'"), "0");
  EXPECT_EQ(at.sql("SELECT name FROM campaigns WHERE id = 50"), "Of a user");
  EXPECT_EQ(snapshots(), 2);
  const GuardResult again = guard();
  EXPECT_EQ(again.decision.action, Action::kServe);
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns"), "13");
}

// As RecordDatabase leaves it, inside the database or beside it.
void bury(const env::Path& database, bool beside, Value key) {
  sqlite::RowStore store(database, {.own_tables_beside = beside});
  OwnTables own(store);
  store.begin();
  own.create();
  own.bury({.table = "campaigns", .key_columns = {"id"}, .key = {std::move(key)}, .deleted = {}});
  store.commit();
}

TEST_F(GuardTest, MergesNothingThatWasDeletedByWayOfHoldfast) {
  at.sql(twelve() + "CREATE TABLE gifts (campaign); INSERT INTO gifts VALUES (3), (4), (5);");
  at.back_up();
  request.on_violation = OnViolation::kMerge;
  Collection campaigns;
  campaigns.name = campaigns.table = "campaigns";
  campaigns.database = "app";
  campaigns.cascades.push_back({.table = "gifts", .columns = {"campaign"}, .references = {}});
  request.collections = {std::move(campaigns)};
  for (const bool beside : {false, true}) {
    wipe();
    at.sql(std::string(kSchema) + "INSERT INTO campaigns (id, name) VALUES (50, 'Of a user')");
    bury(at.database(), beside, std::int64_t{beside ? 4 : 3});
    const GuardResult result = guard();
    EXPECT_EQ(result.decision.action, Action::kMerge);
    EXPECT_EQ(result.merged->buried(), 2) << beside;
    EXPECT_TRUE(
        said.said("11 rows came back, 0 were kept as they are, 0 do not fit, 1 stay deleted"));
    EXPECT_EQ(at.sql("SELECT group_concat(campaign) FROM gifts"), beside ? "3,5" : "4,5");
    EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns WHERE id IN (3, 4)"), "1");
  }
}

TEST_F(GuardTest, MergesNoTableOfWhichATombstoneCannotBeRead) {
  at.sql(twelve() + "CREATE TABLE gifts (id INTEGER PRIMARY KEY); INSERT INTO gifts VALUES (3);");
  at.back_up();
  request.on_violation = OnViolation::kMerge;
  for (const char* key : {"", "[", "{}", "[1,2]", R"([{"$blob":7}])"}) {
    wipe();
    at.sql(std::string(kSchema) + "INSERT INTO campaigns (id, name) VALUES (50, 'Of a user')");
    bury(at.database(), false, std::int64_t{3});
    at.sql("UPDATE _holdfast_tombstones SET record_key = '" + std::string(key) + "'");
    guard();
    EXPECT_TRUE(said.said("table campaigns was not merged: a tombstone of it")) << key;
    EXPECT_EQ(names(), "Of a user") << key;
    EXPECT_EQ(at.sql("SELECT count(*) FROM gifts"), "1") << key;
  }
}

TEST_F(GuardTest, TakesTheRowOutThatComesBackEachTime) {
  at.sql(twelve());
  at.back_up();
  for (int boot = 0; boot < 3; ++boot) {
    at.sql(kPrizies);
    const GuardResult result = guard();
    EXPECT_EQ(result.decision.action, Action::kExclude);
    EXPECT_EQ(result.excluded_rows, 1);
    EXPECT_EQ(names(), names_of_twelve());
  }
}

TEST_F(GuardTest, JudgesInvariantsWithoutTheExcludedRows) {
  request.invariants = {{"all", "SELECT count(*) FROM campaigns", "13", {}, {}}};
  at.sql(twelve());
  at.back_up();
  at.sql(std::string(kPrizies) + kUsers);
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kExclude);
  EXPECT_EQ(names(), names_of_twelve() + ",Of a user");
}

TEST_F(GuardTest, GoesBackToAStateThatSatisfiesTheInvariants) {
  at.sql(twelve());
  at.back_up();
  at.sql("DELETE FROM campaigns WHERE id = 5");
  at.back_up();
  at.sql("DELETE FROM campaigns WHERE id = 6");
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kRestore);
  EXPECT_EQ(names(), names_of_twelve());
  EXPECT_TRUE(result.restored->safety_snapshot.has_value());
  EXPECT_TRUE(said.said("is not restored: invariant campaigns is violated (found: 11)"));
}

TEST_F(GuardTest, RefusesWhereNoStateSatisfiesTheInvariants) {
  at.sql(std::string(kSchema) + kUsers);
  at.back_up();
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
  EXPECT_EQ(names(), "Of a user");
  wipe();
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
  EXPECT_FALSE(std::filesystem::exists(at.database()));
  request.on_violation = OnViolation::kWarn;
  EXPECT_TRUE(guard().safe);
  EXPECT_EQ(names(), "Of a user");
}

TEST_F(GuardTest, RefusesAndWarnsAsTold) {
  at.sql(twelve());
  at.back_up();
  at.sql("DELETE FROM campaigns WHERE id > 6");
  request.on_violation = OnViolation::kRefuse;
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
  request.on_violation = OnViolation::kWarn;
  EXPECT_EQ(guard().decision.action, Action::kServeWarning);
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns"), "6");
}

TEST_F(GuardTest, IgnoresAFreshDatabaseThatWasBackedUpBeforeAnybodyNoticed) {
  request.invariants.clear();
  at.sql(twelve());
  at.back_up();
  wipe();
  at.sql(kSchema);
  at.back_up();
  wipe();
  guard();
  EXPECT_EQ(names(), names_of_twelve());
}

TEST_F(GuardTest, SeedsOnceAndNeverAgain) {
  request.seed = at.directory / "seed.sql";
  sqlite::write_content(request.seed, twelve() + kPrizies);
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kSeed);
  EXPECT_EQ(names(), names_of_twelve());
  at.sql("DELETE FROM campaigns WHERE id = 12");
  request.invariants.clear();
  EXPECT_EQ(guard().decision.action, Action::kServe);
  at.back_up();
  wipe();
  EXPECT_EQ(guard().decision.action, Action::kRestore);
  EXPECT_EQ(at.sql("SELECT count(*) FROM campaigns"), "11");
}

TEST_F(GuardTest, StartsEmptyInProductionAndNamesTheSwitch) {
  request.seed = at.directory / "seed.sql";
  sqlite::write_content(request.seed, twelve());
  request.production = true;
  const GuardResult result = guard();
  EXPECT_EQ(result.decision.action, Action::kSkipImport);
  EXPECT_TRUE(result.safe);
  EXPECT_TRUE(said.said("HOLDFAST_FORCE_IMPORT=true"));
  EXPECT_EQ(at.sql("SELECT count(*) FROM sqlite_schema"), "0");
  request.force_import = true;
  EXPECT_EQ(guard().decision.action, Action::kSeed);
  EXPECT_EQ(names(), names_of_twelve());
}

TEST_F(GuardTest, CreatesAnEmptyDatabaseAndItsFolders) {
  request.path = at.directory / "volume" / "app.db";
  EXPECT_EQ(guard().decision.action, Action::kCreateEmpty);
  EXPECT_EQ(run_sql(request.path, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(guard().decision.action, Action::kCreateEmpty);  // the application has not begun
}

TEST_F(GuardTest, ServesAHealthyDatabaseWhileTheStoreIsAway) {
  at.sql(twelve());
  at.back_up();
  at.store.inject({});
  const GuardResult result = guard();
  EXPECT_FALSE(result.before.history_known);
  EXPECT_EQ(result.decision.action, Action::kServe);
  wipe();
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
}

TEST_F(GuardTest, RefusesADamagedDatabaseWithoutHistory) {
  sqlite::write_content(at.database(), std::string(9000, 'x'));
  EXPECT_EQ(refusal(), ErrorCode::kGuardRefused);
  EXPECT_EQ(file_content(at.database()).size(), 9000);
}

}  // namespace
}  // namespace holdfast::engine
