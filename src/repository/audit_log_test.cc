#include "repository/audit_log.h"

#include <gtest/gtest.h>

#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

const Time kNoon = time_of("2026-11-21T12:00:00.123456Z");

LogEntry entry_at(Time time, std::string operation) {
  return {.time = time,
          .host = "ada",
          .user = "root",
          .command = "holdfast " + operation,
          .operation = std::move(operation),
          .result = "ok",
          .detail = "a sentence"};
}

std::string log_object(const TestRepository& test) {
  for (const auto& [name, content] : test.store.objects) {
    if (name.starts_with("log/")) return name;
  }
  return {};
}

std::vector<std::string> operations(const std::vector<LogEntry>& entries) {
  std::vector<std::string> operations;
  for (const LogEntry& entry : entries) operations.push_back(entry.operation);
  return operations;
}

TEST(AuditLog, ReadsWhatWasRecorded) {
  TestRepository test;
  record(test.repository, entry_at(kNoon, "init"));
  const std::vector<LogEntry> log = read_log(test.repository);
  ASSERT_EQ(1u, log.size());
  EXPECT_EQ(kNoon, log[0].time);
  EXPECT_EQ("ada", log[0].host);
  EXPECT_EQ("root", log[0].user);
  EXPECT_EQ("holdfast init", log[0].command);
  EXPECT_EQ("init", log[0].operation);
  EXPECT_EQ("ok", log[0].result);
  EXPECT_EQ("a sentence", log[0].detail);
  EXPECT_TRUE(log_object(test).starts_with("log/20261121_120000-")) << log_object(test);
}

TEST(AuditLog, IsInOrderOfTimeAndHoldsTheBackupsThatAreThere) {
  TestRepository test;
  record(test.repository, entry_at(kNoon + Duration(2), "prune"));
  record(test.repository, entry_at(kNoon, "init"));
  Snapshot snapshot = make_snapshot(1, kNoon + Duration(1));
  snapshot.databases[0].damage = "torn";
  put_snapshot(test.repository, snapshot);
  const auto log = read_log(test.repository);
  EXPECT_EQ((std::vector<std::string>{"init", "backup", "prune"}), operations(log));
  EXPECT_EQ("completed_with_warnings", log[1].result);
  EXPECT_EQ("snapshot 00000000 \"snapshot-1\" of orders", log[1].detail);
}

TEST(AuditLog, KeepsTheBackupsThatWereForgotten) {
  TestRepository test;
  const Snapshot snapshot = make_snapshot(1, kNoon);
  put_snapshot(test.repository, snapshot);
  const LogEntry forget = entry_at(kNoon + Duration(5), "forget");
  record(test.repository, forget, {entry_of(snapshot)});
  const std::vector<std::string> expected{"backup", "forget"};
  // Recorded first, removed afterwards: at no moment is the backup missing or named twice.
  EXPECT_EQ(expected, operations(read_log(test.repository)));
  remove_snapshot(test.repository, snapshot);
  EXPECT_EQ(expected, operations(read_log(test.repository)));
}

TEST(AuditLog, SaysWhatCannotBeReadInItsPlace) {
  TestRepository test;
  record(test.repository, entry_at(kNoon, "init"));
  const std::string name = log_object(test);
  test.store.modified = kNoon + Duration(1);
  record(test.repository, entry_at(kNoon + Duration(2), "prune"));
  const Bytes intact = test.store.objects[name];
  for (std::size_t at = 0; at < intact.size(); ++at) {
    test.store.objects[name] = intact;
    test.store.objects[name][at] ^= static_cast<std::byte>(1u << (at % 8));
    const auto log = read_log(test.repository);
    ASSERT_EQ((std::vector<std::string>{"unknown", "prune"}), operations(log));
    EXPECT_EQ("damaged_object", log[0].result);
    EXPECT_NE(std::string::npos, log[0].detail.find(name)) << log[0].detail;
  }
}

TEST(AuditLog, SaysWhichSnapshotCannotBeRead) {
  TestRepository test;
  const Snapshot snapshot = make_snapshot(1, kNoon);
  put_snapshot(test.repository, snapshot);
  const std::string name = object_name(test.repository, snapshot);
  test.store.objects[name].pop_back();
  const auto log = read_log(test.repository);
  ASSERT_EQ(1u, log.size());
  EXPECT_NE(std::string::npos, log[0].detail.find(name));
}

}  // namespace
}  // namespace holdfast::repository
