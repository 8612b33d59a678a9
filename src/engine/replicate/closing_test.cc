#include "engine/replicate/closing.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/backup/digest_table.h"
#include "engine/replicate/test_pages.h"
#include "engine/test_protection.h"
#include "repository/timeline_retention.h"

namespace holdfast::engine {
namespace {

class ClosingTest : public testing::Test, public Protection {
 protected:
  void SetUp() override {
    sql("PRAGMA journal_mode=WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, body);" +
        rows_sql(2000, 1000));
    base = back_up().snapshot;
    before = image_of(database());
  }
  // Everything that has changed since, as following would have learnt it.
  ClosingRequest closing_request() {
    after = image_of(database());
    overlay = difference(before, after, 5, hasher);
    ClosingRequest closing;
    closing.database = kName;
    closing.source = database();
    closing.base = base;
    closing.overlay = &overlay;
    closing.page_size = kTestPage;
    closing.page_count = after.size() / kTestPage;
    closing.checksum = checksum_of(after, hasher, key);
    closing.moment = repository.clock().now();
    closing.command = "test";
    closing.digest_table = digest_table_path(repository, cache(), kName, database());
    return closing;
  }
  repository::Snapshot close(const ClosingRequest& closing) {
    return close_timeline(repository, *files, closing, no_progress());
  }

  codec::PageHasher hasher{repository.keys().pages};
  codec::ChecksumKey key{repository.keys().checksum};
  repository::Snapshot base;
  std::string before, after;
  PageOverlay overlay;
};

TEST_F(ClosingTest, MakesASnapshotThatRestoresToTheState) {
  sql("UPDATE record SET body = randomblob(900) WHERE id % 100 = 0; CREATE TABLE other (a);");
  const repository::Snapshot snapshot = close(closing_request());
  expect_restored(snapshot, after);
  expect_restored(base, before);
  EXPECT_EQ(snapshot.tags, std::vector<std::string>{std::string(repository::kReplicatedTag)});
}

TEST_F(ClosingTest, LeavesNothingToStoreForABackupOfTheSameState) {
  sql("UPDATE record SET body = randomblob(900) WHERE id % 100 = 0;" + rows_sql(500, 3000));
  const repository::Snapshot snapshot = close(closing_request());
  const repository::Snapshot backup = back_up().snapshot;
  EXPECT_EQ(backup.databases.front().pages_changed, 0u);
  EXPECT_EQ(backup.databases.front().checksum, snapshot.databases.front().checksum);
  EXPECT_EQ(backup.databases.front().map, snapshot.databases.front().map);
}

TEST_F(ClosingTest, FollowsADatabaseThatShrinksAndGrowsAgain) {
  sql("DELETE FROM record WHERE id > 100; VACUUM;");
  base = close(closing_request());
  expect_restored(base, after);
  before = after;
  sql(rows_sql(6000, 1000));
  expect_restored(close(closing_request()), after);
}

TEST_F(ClosingTest, RefusesWhatDoesNotAddUp) {
  sql("UPDATE record SET body = randomblob(900) WHERE id = 5;");
  ClosingRequest closing = closing_request();
  overlay.set(3, overlay_page(page_of(after, 4), 5, hasher));
  EXPECT_EQ(code_of([&] { close(closing); }), ErrorCode::kChecksumMismatch);
  EXPECT_EQ(repository::list_snapshots(repository).snapshots.size(), 1u);
}

TEST_F(ClosingTest, RefusesABaseWhoseDigestsSomebodyElseHasReplaced) {
  sql("UPDATE record SET body = randomblob(900) WHERE id = 5;");
  const ClosingRequest closing = closing_request();
  back_up();
  EXPECT_EQ(code_of([&] { close(closing); }), ErrorCode::kChecksumMismatch);
}

TEST_F(ClosingTest, RefusesABaseThatWasForgotten) {
  sql("UPDATE record SET body = randomblob(900) WHERE id = 5;");
  const ClosingRequest closing = closing_request();
  repository::remove_snapshot(repository, base);
  EXPECT_EQ(code_of([&] { close(closing); }), ErrorCode::kMissingObject);
}

}  // namespace
}  // namespace holdfast::engine
