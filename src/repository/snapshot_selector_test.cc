#include <gtest/gtest.h>

#include "repository/snapshot.h"
#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

class SnapshotSelector : public testing::Test {
 protected:
  SnapshotSelector() {
    add(0xabcd1111'00000000, "nightly", "users");
    add(0xabcd2222'00000000, "release", "orders");
    add(0xbeef0000'00000000, "nightly", "orders");
    add(0x1234abcd'00000000, "abcd", "orders");
  }
  void add(std::uint64_t id, const std::string& name, const std::string& database) {
    Snapshot snapshot = make_snapshot(id, time_of("2026-11-21T12:00:00Z"), database);
    snapshot.name = name;
    snapshots_.push_back(snapshot);
  }
  std::string selected(const std::string& text, const std::string& database = "") {
    return select(snapshots_, {text, std::nullopt, database}).id.short_hex();
  }
  std::string numbered(std::size_t index, const std::string& database = "") {
    return select(snapshots_, {"", index, database}).id.short_hex();
  }
  Error refusal(ErrorCode code, const std::string& text, const std::string& database = "") {
    const auto error = error_of([&] { selected(text, database); });
    if (!error) return Error(ErrorCode::kInternal, "nothing was thrown");
    EXPECT_EQ(code, error->code());
    return *error;
  }
  static bool mentions(const Error& error, std::string_view text) {
    return error.happened().find(text) != std::string::npos;
  }
  std::vector<Snapshot> snapshots_;
};

TEST_F(SnapshotSelector, TakesTheNewest) {
  EXPECT_EQ("abcd1111", selected("latest"));
  EXPECT_EQ("abcd2222", selected("latest", "orders"));
}

TEST_F(SnapshotSelector, TakesAnIdOrItsBeginningInAnyCase) {
  EXPECT_EQ("beef0000", selected("beef"));
  EXPECT_EQ("beef0000", selected("BEEF0"));
  EXPECT_EQ("abcd2222", selected(snapshots_[1].id.hex()));
}

TEST_F(SnapshotSelector, TakesANameBeforeTheBeginningOfAnId) {
  EXPECT_EQ("abcd2222", selected("release"));
  EXPECT_EQ("1234abcd", selected("abcd"));
}

TEST_F(SnapshotSelector, CountsFromTheNewest) {
  EXPECT_EQ("abcd1111", numbered(1));
  EXPECT_EQ("1234abcd", numbered(4));
  EXPECT_EQ("abcd2222", numbered(1, "orders"));
  expect_error(ErrorCode::kSnapshotMissing, [&] { numbered(0); });
  expect_error(ErrorCode::kSnapshotMissing, [&] { numbered(5); });
  expect_error(ErrorCode::kSnapshotMissing, [&] { numbered(4, "orders"); });
}

TEST_F(SnapshotSelector, RefusesToChooseAndNamesTheCandidates) {
  const Error names = refusal(ErrorCode::kSnapshotAmbiguous, "nightly");
  EXPECT_TRUE(mentions(names, "abcd1111")) << names.happened();
  EXPECT_TRUE(mentions(names, "beef0000")) << names.happened();
  snapshots_.pop_back();
  const Error ids = refusal(ErrorCode::kSnapshotAmbiguous, "abcd");
  EXPECT_TRUE(mentions(ids, "abcd1111")) << ids.happened();
  EXPECT_TRUE(mentions(ids, "abcd2222")) << ids.happened();
  EXPECT_EQ("beef0000", selected("nightly", "orders"));
}

TEST_F(SnapshotSelector, NamesNearMisses) {
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "relaese-"), "no snapshot matches"));
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "Release"), "abcd2222"));
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "releas"), "abcd2222"));
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "beff"), "beef0000"));
  EXPECT_FALSE(mentions(refusal(ErrorCode::kSnapshotMissing, "zzzzzz"), "did you mean"));
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "be"), "at least 4 digits"));
}

TEST_F(SnapshotSelector, SaysThatASnapshotHoldsOtherDatabases) {
  const Error error = refusal(ErrorCode::kSnapshotMissing, "release", "users");
  EXPECT_TRUE(mentions(error, "does not hold the database \"users\"")) << error.happened();
}

TEST_F(SnapshotSelector, SaysThatThereIsNothingToChooseFrom) {
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "latest", "nobody"), "nobody"));
  snapshots_.clear();
  EXPECT_TRUE(mentions(refusal(ErrorCode::kSnapshotMissing, "latest"), "there are no snapshots"));
}

}  // namespace
}  // namespace holdfast::repository
