#include <gtest/gtest.h>

#include "engine/guard/guard.h"

namespace holdfast::engine {
namespace {

using sqlite::Presence;

// A healthy database beside its history; each test changes what it is about.
class DecisionTest : public testing::Test {
 protected:
  DecisionTest() {
    found.presence = {Presence::kPresent, ""};
    found.invariants = {{"campaigns", true, "12"}};
    found.excluded = {0};
    found.lineage = Lineage::kNewest;
    found.has_history = true;
  }
  Action action() const { return decide(found, request).action; }
  Action action(OnViolation wanted) {
    request.on_violation = wanted;
    return action();
  }
  void lose_history() {
    found.has_history = false;
    found.lineage = Lineage::kNoHistory;
  }
  void lose_database(Presence presence = Presence::kMissing) {
    found.presence = {presence, ""};
    found.lineage = Lineage::kNoHistory;
    found.invariants.clear();
    found.excluded.clear();
  }
  void add_seed() {
    found.has_seed = true;
    request.seed = "/seed/campaigns.sql";
  }
  void expect_by_violation(Action restore, Action merge, Action refuse, Action warn) {
    EXPECT_EQ(action(OnViolation::kRestore), restore);
    EXPECT_EQ(action(OnViolation::kMerge), merge);
    EXPECT_EQ(action(OnViolation::kRefuse), refuse);
    EXPECT_EQ(action(OnViolation::kWarn), warn);
  }

  Inspection found;
  GuardRequest request;
};

constexpr Presence kAbsent[] = {Presence::kMissing, Presence::kEmpty,   Presence::kNotADatabase,
                                Presence::kCutOff,  Presence::kDamaged, Presence::kNoSchema};
constexpr Presence kWithoutRemains[] = {Presence::kMissing, Presence::kEmpty, Presence::kNoSchema};

TEST_F(DecisionTest, ServesADatabaseThatIsWhatItMustBe) { EXPECT_EQ(action(), Action::kServe); }

TEST_F(DecisionTest, RestoresWhateverIsNotThereWhereThereIsAHistory) {
  add_seed();
  for (const Presence presence : kAbsent) {
    lose_database(presence);
    expect_by_violation(Action::kRestore, Action::kRestore, Action::kRestore, Action::kRestore);
  }
}

TEST_F(DecisionTest, NeverStartsAnewWhileTheHistoryIsNotKnown) {
  lose_database();
  lose_history();
  add_seed();
  found.history_known = false;
  expect_by_violation(Action::kRefuse, Action::kRefuse, Action::kRefuse, Action::kCreateEmpty);
}

TEST_F(DecisionTest, ServesAHealthyDatabaseWhileTheStoreIsAway) {
  lose_history();
  found.history_known = false;
  EXPECT_EQ(action(), Action::kServe);
}

TEST_F(DecisionTest, SeedsOnlyWhereThereIsNoHistory) {
  lose_history();
  add_seed();
  for (const Presence presence : kAbsent) {
    lose_database(presence);
    EXPECT_EQ(action(), Action::kSeed);
  }
}

TEST_F(DecisionTest, SkipsTheImportInProductionAndNamesTheSwitch) {
  lose_history();
  add_seed();
  request.production = true;
  request.force_switch = "FORCE_DATABASE_IMPORT";
  for (const Presence presence : kWithoutRemains) {
    lose_database(presence);
    EXPECT_EQ(action(), Action::kSkipImport);
  }
  const std::string reason = decide(found, request).reason;
  EXPECT_NE(reason.find("FORCE_DATABASE_IMPORT=true"), std::string::npos) << reason;
  EXPECT_NE(reason.find("import"), std::string::npos) << reason;
}

TEST_F(DecisionTest, SeedsInProductionWhenItIsForced) {
  lose_database();
  lose_history();
  add_seed();
  request.production = request.force_import = true;
  EXPECT_EQ(action(), Action::kSeed);
}

TEST_F(DecisionTest, CreatesAnEmptyDatabaseWhereThereIsNothingElse) {
  lose_history();
  for (const Presence presence : kWithoutRemains) {
    lose_database(presence);
    expect_by_violation(Action::kCreateEmpty, Action::kCreateEmpty, Action::kCreateEmpty,
                        Action::kCreateEmpty);
  }
}

TEST_F(DecisionTest, LeavesItToTheApplicationToCreateADatabaseIfToldSo) {
  lose_database();
  lose_history();
  request.create_empty = false;
  EXPECT_EQ(action(), Action::kServe);
}

TEST_F(DecisionTest, PutsNoEmptyDatabaseInPlaceOfADamagedOne) {
  lose_history();
  for (const Presence presence : {Presence::kNotADatabase, Presence::kCutOff, Presence::kDamaged}) {
    lose_database(presence);
    expect_by_violation(Action::kRefuse, Action::kRefuse, Action::kRefuse, Action::kServeWarning);
  }
  add_seed();
  request.production = true;
  EXPECT_EQ(action(OnViolation::kRestore), Action::kRefuse);
}

TEST_F(DecisionTest, NeverServesAFreshDatabaseBesideAFullHistory) {
  found.lineage = Lineage::kEmptier;
  expect_by_violation(Action::kRestore, Action::kMerge, Action::kRefuse, Action::kRestore);
}

TEST_F(DecisionTest, DoesAsToldWithAnOldCopy) {
  found.lineage = Lineage::kOlder;
  expect_by_violation(Action::kRestore, Action::kMerge, Action::kRefuse, Action::kServeWarning);
}

TEST_F(DecisionTest, ServesTheForkThatAPowerLossLeaves) {
  found.lineage = Lineage::kBehind;
  expect_by_violation(Action::kServeFork, Action::kServeFork, Action::kServeFork,
                      Action::kServeFork);
}

TEST_F(DecisionTest, DoesAsToldWithViolatedInvariants) {
  found.invariants.push_back({"names", false, "no such table: campaigns"});
  for (const Lineage lineage :
       {Lineage::kNewest, Lineage::kAhead, Lineage::kBehind, Lineage::kForeign}) {
    found.lineage = lineage;
    expect_by_violation(Action::kRestore, Action::kMerge, Action::kRefuse, Action::kServeWarning);
  }
  const std::string reason = decide(found, request).reason;
  EXPECT_NE(reason.find("names is violated (found: no such table: campaigns)"), std::string::npos)
      << reason;
}

TEST_F(DecisionTest, RefusesViolatedInvariantsWithoutHistory) {
  lose_history();
  found.invariants.front().holds = false;
  expect_by_violation(Action::kRefuse, Action::kServeWarning, Action::kRefuse,
                      Action::kServeWarning);
  found.history_known = false;
  expect_by_violation(Action::kRefuse, Action::kRefuse, Action::kRefuse, Action::kServeWarning);
}

TEST_F(DecisionTest, TakesExcludedRowsOut) {
  found.excluded = {0, 1};
  for (const Lineage lineage : {Lineage::kNewest, Lineage::kAhead, Lineage::kForeign}) {
    found.lineage = lineage;
    EXPECT_EQ(action(), Action::kExclude);
  }
  lose_history();
  EXPECT_EQ(action(), Action::kExclude);
}

TEST_F(DecisionTest, ServesWhatHasGoneOnAndWhatHasNoHistory) {
  found.lineage = Lineage::kAhead;
  EXPECT_EQ(action(), Action::kServe);
  lose_history();
  EXPECT_EQ(action(), Action::kServe);
}

TEST_F(DecisionTest, WarnsOfADatabaseThatIsNotTheOneOfItsHistory) {
  found.lineage = Lineage::kForeign;
  expect_by_violation(Action::kServeWarning, Action::kServeWarning, Action::kServeWarning,
                      Action::kServeWarning);
}

}  // namespace
}  // namespace holdfast::engine
