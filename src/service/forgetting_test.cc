#include "service/forgetting.h"

#include <gmock/gmock.h>

#include "service/audit.h"
#include "service/capacity.h"
#include "service/test_world.h"

namespace holdfast::service {
namespace {

using repository::Snapshot;
using testing::ElementsAre;
using testing::IsEmpty;

Snapshot snapshot(int number, std::vector<std::string> tags = {},
                  std::vector<std::string> databases = {"app"}) {
  Snapshot result;
  result.id.bytes[0] = static_cast<std::byte>(number);
  result.name = "s" + std::to_string(number);
  result.time = parse_rfc3339("2026-11-01T12:00:00Z").value() + std::chrono::days(number);
  result.tags = std::move(tags);
  result.host = "host";
  for (std::string& name : databases) {
    repository::DatabaseState state;
    state.name = name;
    result.databases.push_back(state);
  }
  return result;
}

std::vector<std::string> removed(const ForgetPlan& plan) {
  std::vector<std::string> names;
  for (const Snapshot& one : plan.removed()) names.push_back(one.name);
  return names;
}

repository::RetentionPolicy keep_last(int count) {
  repository::RetentionPolicy policy;
  policy.last = count;
  return policy;
}

TEST(Forgetting, KeepsWhatThePolicySays) {
  EXPECT_THAT(removed(plan_by_policy(keep_last(1), {snapshot(3), snapshot(2), snapshot(1)})),
              ElementsAre("s2", "s1"));
}

TEST(Forgetting, NeverLetsASafetySnapshotDisplaceABackup) {
  const auto plan = plan_by_policy(
      keep_last(1),
      {snapshot(4, {"before-restore"}), snapshot(3, {"before-restore"}), snapshot(2), snapshot(1)});
  EXPECT_THAT(removed(plan), ElementsAre("s3", "s1"));
}

TEST(Forgetting, LeavesWhatReplicationTookToItsTimeline) {
  const auto plan = plan_by_policy(keep_last(1), {snapshot(4, {"replicated"}), snapshot(3),
                                                  snapshot(2, {"replicated"}), snapshot(1)});
  EXPECT_THAT(removed(plan), ElementsAre("s1"));
}

TEST(Forgetting, OfASeriesLeavesOtherTagsAlone) {
  const std::vector<Snapshot> all = {snapshot(5, {"daily"}), snapshot(4, {"weekly"}),
                                     snapshot(3, {"daily"}), snapshot(2, {"daily", "keep"}),
                                     snapshot(1)};
  EXPECT_THAT(removed(plan_series(keep_last(1), all[0], all)), ElementsAre("s3"));
}

TEST(Forgetting, OfASeriesLeavesOtherDatabasesAndHostsAlone) {
  std::vector<Snapshot> all = {snapshot(4), snapshot(3, {}, {"app", "users"}), snapshot(2),
                               snapshot(1)};
  all[2].host = "elsewhere";
  EXPECT_THAT(removed(plan_series(keep_last(1), all[0], all)), ElementsAre("s1"));
}

TEST(Forgetting, ByConfigurationPrefersTheDatabasesOwnPolicy) {
  Configuration configuration;
  configuration.databases = {
      {.name = "app", .source = {"x"}, .keep = keep_last(2), .protection = {}}};
  configuration.retention = keep_last(1);
  const std::vector<Snapshot> all = {snapshot(6), snapshot(5), snapshot(4),
                                     snapshot(3, {}, {"app", "users"}),
                                     snapshot(2, {}, {"app", "users"})};
  EXPECT_THAT(removed(plan_by_configuration(configuration, all)), ElementsAre("s4", "s2"));
}

TEST(Forgetting, ByConfigurationLeavesAloneWhatNoPolicyIsFor) {
  Configuration configuration;
  configuration.databases = {
      {.name = "app", .source = {"x"}, .keep = keep_last(1), .protection = {}}};
  const std::vector<Snapshot> all = {snapshot(2, {}, {"users"}), snapshot(1, {}, {"users"})};
  EXPECT_THAT(plan_by_configuration(configuration, all).decisions, IsEmpty());
}

TEST(Forgetting, ByConfigurationNeedsAPolicy) {
  const std::vector<Snapshot> all = {snapshot(1)};
  EXPECT_EQ(ErrorCode::kUsage, error_of([&] { plan_by_configuration({}, all); }).code());
}

TEST(Forgetting, ByNameTakesEachOnce) {
  const std::vector<Snapshot> all = {snapshot(3), snapshot(2), snapshot(1)};
  const std::vector<std::string> names = {"s1", "latest", "s1"};
  EXPECT_THAT(removed(plan_named(names, all)), ElementsAre("s3", "s1"));
}

TEST(Forgetting, TellsWhichDatabasesWouldHaveNothingLeft) {
  std::vector<Snapshot> all = {snapshot(2), snapshot(1, {}, {"users"})};
  const std::vector<std::string> names = {"s1"};
  EXPECT_THAT(left_without_snapshot(plan_named(names, all), all), ElementsAre("users"));
}

TEST(SnapshotChoice, LatestPassesOverSafetySnapshots) {
  const std::vector<Snapshot> all = {snapshot(2, {"before-restore"}), snapshot(1)};
  EXPECT_EQ("s1", choose_snapshot(all, {.text = "latest", .index = {}, .database = {}}, {}).name);
}

TEST(SnapshotChoice, LatestIsASafetySnapshotWhereThereIsNothingElse) {
  const std::vector<Snapshot> all = {snapshot(2, {"before-restore"})};
  EXPECT_EQ("s2", choose_snapshot(all, {.text = "latest", .index = {}, .database = {}}, {}).name);
}

TEST(SnapshotChoice, CountsAmongThoseThatHoldTheDatabase) {
  const std::vector<Snapshot> all = {snapshot(3), snapshot(2, {}, {"users"}),
                                     snapshot(1, {}, {"users"})};
  const std::vector<std::string> users = {"users"};
  EXPECT_EQ("s1", choose_snapshot(all, {.text = {}, .index = 2, .database = {}}, users).name);
}

TEST(SnapshotChoice, SaysWhenNoSnapshotHoldsTheDatabase) {
  const std::vector<Snapshot> all = {snapshot(1)};
  const std::vector<std::string> users = {"users"};
  const auto choose = [&] {
    choose_snapshot(all, {.text = "latest", .index = {}, .database = {}}, users);
  };
  EXPECT_EQ(ErrorCode::kSnapshotMissing, error_of(choose).code());
}

TEST(ShellQuoted, ReadsAsTheSameArguments) {
  EXPECT_EQ("holdfast backup 'my file.db' --tag 'it'\\''s' ''",
            shell_quoted({"holdfast", "backup", "my file.db", "--tag", "it's", ""}));
}

TEST(Capacity, TellsHowManyDaysAndRecordsFit) {
  repository::RepositoryStatistics statistics;
  statistics.stored_bytes = 400;
  statistics.databases = {{.name = "app",
                           .snapshots = 2,
                           .newest_bytes = 900,
                           .rows = 100,
                           .bytes_a_day = 5,
                           .stored_bytes_a_day = 20}};
  const CapacityForecast result = forecast(statistics, 1000);
  EXPECT_DOUBLE_EQ(40, result.percent_used);
  EXPECT_DOUBLE_EQ(30, result.days.value());
  EXPECT_EQ(150u, result.records.value());
}

TEST(Capacity, SaysNothingAboutDaysWhileNothingGrows) {
  repository::RepositoryStatistics statistics;
  statistics.stored_bytes = 2000;
  const CapacityForecast result = forecast(statistics, 1000);
  EXPECT_EQ(0u, result.free);
  EXPECT_FALSE(result.days);
  EXPECT_FALSE(result.records);
}

}  // namespace
}  // namespace holdfast::service
